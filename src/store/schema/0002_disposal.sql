-- What retention has dropped: a row for each kind and day, begun with the first rows that went and
-- kept for good. It says to an auditor what is missing, since when and by whose decision.
create table disposal (
    id          integer primary key,
    kind        text not null,             -- raw, observations, hourly or seen
    day         integer not null,
    decision    text,                      -- null for seen, which holds nothing but hashes
    rows        integer not null,          -- dropped so far
    begun_at    integer not null,
    finished_at integer                    -- null while some of the day may still be there
);

create index disposal_of_day on disposal (kind, day);

-- The disposal that took the message of a row; the row itself stays, with an empty message.
alter table uplink add column disposal integer;

-- Hours of arrival of which messages are kept: what retention begins with.
create table message_hour (
    hour integer primary key
);

insert into message_hour (hour)
    select hour from uplink_of_device union select hour from uplink_of_outcome;
