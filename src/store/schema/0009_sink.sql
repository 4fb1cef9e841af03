-- How far each sink has taken what the store tells, and what it has refused.
create table sink (
    name         text primary key,
    change       integer not null,          -- the last one it has accepted
    uplink       integer not null,          -- likewise of the ledger
    caught_up_at integer not null,          -- when it last had everything
    missed       integer not null default 0 -- changes were trimmed before it had accepted them
) without rowid;

-- The kind by which a sink knows a site. It is part of a point's identity there, so it stays.
create table sink_site (
    sink text not null,
    site text not null,
    kind text not null,
    primary key (sink, site)
) without rowid;

-- What a sink has refused for good: an observation, or what a row of the ledger tells of radio and battery.
create table dead_letter (
    id     integer primary key,
    sink   text not null,
    series integer,                         -- with time: an observation
    time   integer,
    uplink integer,                         -- or a row of the ledger
    at     integer not null,
    status integer not null,                -- of HTTP; 0 where it could not even be asked for
    reason text not null,
    again  integer not null default 0       -- somebody wants it tried again
);

create unique index dead_letter_of_observation on dead_letter (sink, series, time) where series is not null;
create unique index dead_letter_of_uplink on dead_letter (sink, uplink) where uplink is not null;

-- Runs that give a sink the past: what was asked for, and how far it is.
create table sink_backfill (
    id           integer primary key,
    sink         text not null,
    begun_at     integer not null,
    first_hour   integer not null,          -- of observations
    last_hour    integer not null,
    at_hour      integer not null,          -- where it goes on, as observation is ordered
    at_series    integer not null,
    at_time      integer not null,
    first_uplink integer not null,          -- then the ledger, up to and with the last
    last_uplink  integer not null,
    at_uplink    integer not null,
    stopped      integer not null default 0,
    finished_at  integer
);

-- Frames the counter says were lost before this one; −1 for one that was only late, null for none.
alter table uplink add column lost integer;
