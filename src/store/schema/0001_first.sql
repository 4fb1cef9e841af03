-- Every table that grows with the uplinks is clustered by time first and only then by what it is
-- about: an insert then touches the newest pages alone, and a day ten years on costs what the
-- first day did. Times are microseconds since 1970 UTC; hours and days count from there too.

-- A source with the format it had; a changed format is a new row, so old messages stay readable.
create table source (
    id     integer primary key,
    name   text not null,
    format text not null,
    unique (name, format)
);

-- Every DevEUI ever heard, registered or not, under a small dense number.
create table heard (
    id      integer primary key,
    dev_eui integer not null unique   -- the 64 bits, as a signed number
);

-- The profile and the content of its codec that turned an uplink into observations.
create table profile_version (
    id      integer primary key,
    profile text not null,
    hash    text not null,
    unique (profile, hash)
);

-- What zstd needs to read the messages that name it. Never deleted while a message does.
create table dictionary (
    id     integer primary key,
    source text not null,
    bytes  blob not null
);

-- The ledger: one row for each message, or part of one, in order of arrival; one outcome each.
create table uplink (
    id              integer primary key,
    source          integer not null,      -- of source; these ids are ours and not checked again
    part            integer not null,      -- from 0, where one message holds several uplinks
    arrived_at      integer not null,
    server_time     integer,               -- the network server's own time, as given
    device          integer,
    kind            text,                  -- null for an uplink, else the event's name
    f_port          integer,
    f_cnt           integer,
    outcome         integer not null,
    reason          text,
    profile_version integer,
    topic_bytes     integer not null,
    body_bytes      integer not null,      -- as received; more than kept for an oversized body
    dictionary      integer,
    message         blob not null          -- zstd of topic and body, one after the other
);

create table uplink_of_device (
    hour   integer not null,               -- of arrival
    device integer not null,
    uplink integer not null,
    primary key (hour, device, uplink)
) without rowid;

-- All outcomes but the ordinary one, so that trouble is found without reading everything.
create table uplink_of_outcome (
    hour    integer not null,              -- of arrival
    outcome integer not null,
    uplink  integer not null,
    primary key (hour, outcome, uplink)
) without rowid;

-- Identities of what has been received. The hash only finds candidates; the messages decide.
create table seen (
    hour   integer not null,               -- of the network server's time, else of arrival
    hash   integer not null,
    uplink integer not null,
    primary key (hour, hash, uplink)
) without rowid;

create table series (
    id       integer primary key,
    site     text not null,
    quantity text not null,
    unique (site, quantity)
);

create table observation (
    hour    integer not null,
    series  integer not null,
    time    integer not null,
    value   real not null,
    quality integer not null,
    reason  integer,
    uplink  integer not null,
    primary key (hour, series, time)
) without rowid;

-- The newest observation of each series that is not bad.
create table latest (
    series  integer primary key,
    time    integer not null,
    value   real not null,
    quality integer not null,
    reason  integer,
    uplink  integer not null
);

-- Every observation written, in order, a correction of an old one too: what sinks follow.
create table change (
    seq    integer primary key,
    series integer not null,
    time   integer not null
);

-- Count, sum and extremes of each hour without its bad observations. Right for all hours that
-- are not in stale_hour.
create table hourly (
    day    integer not null,
    series integer not null,
    hour   integer not null,
    count  integer not null,
    sum    real not null,
    min    real not null,
    max    real not null,
    primary key (day, series, hour)
) without rowid;

create table stale_hour (
    hour integer primary key
);

-- What is known of each device from the radio alone.
create table device_state (
    device          integer primary key,   -- of heard
    first_heard_at  integer not null,
    last_heard_at   integer not null,
    last_uplink     integer not null,
    name            text,
    session         text,
    f_cnt           integer,
    uplinks         integer not null default 0,
    lost            integer not null default 0,
    counter_resets  integer not null default 0,
    rssi            real,
    snr             real,
    gateway_count   integer,
    joined_at       integer,
    status_at       integer,
    margin_db       integer,
    battery_percent real,
    external_power  integer,
    longitude_deg   real,
    latitude_deg    real
);

create table site (
    id            text primary key,
    kind          text not null,
    name          text not null,
    longitude_deg real,
    latitude_deg  real,
    retired       integer not null default 0
) without rowid;

create table publication (
    site        text primary key references site,
    purpose     text not null,
    approved_by text not null,
    approved_on text not null
) without rowid;

create table bathing_place (
    site                text primary key references site,
    bathing_water_id    text,
    wikidata_id         text,
    lake                text,
    eu_bath             integer,
    depth_m             real,
    measurement_from    text,
    measurement_until   text,
    bathing_from        text,
    bathing_until       text,
    current_for_seconds integer not null,
    stale_for_seconds   integer not null
) without rowid;

create table device (
    dev_eui integer primary key,
    profile text not null,
    name    text,
    retired integer not null default 0
);

create table device_variable (
    dev_eui integer not null references device,
    name    text not null,
    value   text not null,
    primary key (dev_eui, name)
) without rowid;

create table deployment (
    dev_eui     integer not null references device,
    valid_from  integer not null,
    valid_until integer,
    site        text not null references site,
    retired     integer not null default 0,
    primary key (dev_eui, valid_from)
) without rowid;
