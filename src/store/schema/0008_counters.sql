-- What a site says of its counter: which direction leads in, and how many cars a car park has room for. And
-- what decoding again has changed of the values that are derived of many uplinks.

create table direction (
    site    text primary key references site,
    inwards text not null                    -- ltr, rtl, a or b, as the counter names it
) without rowid;

create table lot (
    site             text primary key references site,
    capacity         integer not null,
    offset           integer not null,       -- cars that stand there when the sum begins anew
    reset_at_seconds integer not null        -- after midnight, in Swedish time
) without rowid;

alter table redecode add column derived integer not null default 0;
