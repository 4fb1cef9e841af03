-- What decoding again needs to know, and the runs of it.

-- The hours of the observations that were made of an uplink; null where that is the hour of the frame alone.
alter table uplink add column first_hour integer;
alter table uplink add column last_hour integer;

-- Every site at which a device has ever been registered: where its observations may be.
create table device_site (
    dev_eui integer not null,
    site    text not null,
    primary key (dev_eui, site)
) without rowid;

insert into device_site (dev_eui, site) select distinct dev_eui, site from deployment;

-- A run of decoding again: what was asked for, how far it is, and what it has changed so far.
create table redecode (
    id            integer primary key,
    begun_at      integer not null,
    cause         text not null,             -- who or what asked for it, in words
    all_devices   integer not null,          -- else those of redecode_device
    first_hour    integer not null,          -- of arrival
    last_hour     integer not null,
    at_hour       integer not null,          -- where it goes on, as uplink_of_device is ordered
    at_device     integer not null,
    at_uplink     integer not null,
    uplinks       integer not null default 0,
    added         integer not null default 0,
    changed       integer not null default 0,
    removed       integer not null default 0,
    same          integer not null default 0,
    now_failing   integer not null default 0,
    now_decoded   integer not null default 0,
    not_kept      integer not null default 0, -- uplinks whose message has been disposed of
    stopped       integer not null default 0, -- by whoever asked for it; it can go on
    finished_at   integer
);

create table redecode_device (
    redecode integer not null references redecode,
    device   integer not null,                -- of heard
    primary key (redecode, device)
) without rowid;
