-- How devices are installed, and how gauging stations are rated: what observations are derived with.

create table installation (
    dev_eui           integer not null references device,
    deployed_at       integer not null,      -- of deployment
    valid_from        integer not null,
    height_m          real,
    tilt_deg          real,
    ground_distance_m real,
    empty_distance_m  real,
    full_distance_m   real,
    primary key (dev_eui, deployed_at, valid_from)
) without rowid;

create table correction (
    dev_eui     integer not null references device,
    deployed_at integer not null,
    valid_from  integer not null,            -- of installation
    quantity    text not null,
    gain        real not null,
    offset      real not null,               -- value × gain + offset
    primary key (dev_eui, deployed_at, valid_from, quantity)
) without rowid;

create table rating (
    site        text not null references site,
    valid_from  integer not null,
    valid_until integer,
    primary key (site, valid_from)
) without rowid;

create table rating_segment (
    site       text not null references site,
    valid_from integer not null,             -- of rating
    from_m     real not null,
    to_m       real not null,
    factor     real not null,
    zero_m     real not null,
    exponent   real not null,
    primary key (site, valid_from, from_m)
) without rowid;

create table backwater (
    site        text not null references site,
    valid_from  integer not null,
    valid_until integer,
    cause       text not null,
    primary key (site, valid_from)
) without rowid;
