-- When the service has taken in a changed catalogue and fleet while it was running.
create table reload (
    id       integer primary key,
    at       integer not null,
    profiles integer not null,
    sites    integer not null,
    devices  integer not null
);
