-- Words by which alert rules choose sites.
create table site_tag (
    site text not null references site,
    tag  text not null,
    primary key (site, tag)
) without rowid;

-- How often a device reports, as learned from when it was heard, in microseconds.
alter table device_state add column rhythm integer;

-- Alerts, standing and past. There are few of them, so they are not clustered by time.
create table alert (
    id              integer primary key,
    rule            text not null,
    subject         text not null,         -- site:<id>, device:<DevEUI>, gateway:<id>, source:<name>, never-heard
    severity        text not null,
    state           text not null,         -- pending, open, acknowledged, resolved
    since           integer not null,      -- since when the condition has been there
    openings        integer not null,
    opened_at       integer,
    clearing_since  integer,
    due_at          integer,               -- when time alone moves it on
    resolved_at     integer,
    acknowledged_at integer,
    acknowledged_by text,
    sv              text not null,
    en              text not null,
    runbook         text,
    time            integer,               -- of the newest reading that has spoken
    value           real,
    uplink          integer
);

create unique index alert_standing on alert (rule, subject) where state <> 'resolved';
create index alert_past on alert (rule, subject, resolved_at) where state = 'resolved';
create index alert_due on alert (due_at) where due_at is not null;

-- What has become of each, in order.
create table alert_event (
    id     integer primary key,
    alert  integer not null,
    at     integer not null,
    what   text not null,                  -- opened, acknowledged, resolved, joined, left
    who    text,
    note   text,
    time   integer,                        -- of the reading that caused it
    value  real,
    uplink integer
);

create index alert_event_of_alert on alert_event (alert, id);

-- The devices that an alert is about, as long as they are.
create table alert_member (
    alert   integer not null,
    dev_eui integer not null,
    primary key (alert, dev_eui)
) without rowid;

create index alert_member_device on alert_member (dev_eui);

-- What is to be told to whom; kept when it has been.
create table notification (
    id         integer primary key,
    alert      integer not null,
    channel    text not null,
    what       text not null,              -- opened, resolved
    due_at     integer not null,
    expires_at integer not null,
    attempts   integer not null default 0,
    done_at    integer,                    -- delivered or given up
    error      text                        -- why not yet, or why it was given up
);

create index notification_due on notification (due_at) where done_at is null;
create index notification_of_alert on notification (alert);

-- Alerts that nobody is to be told of for a while.
create table silence (
    id         integer primary key,
    rule       text,                       -- any if null
    subject    text,                       -- any if null
    from_at    integer not null,
    until_at   integer not null,
    who        text not null,
    why        text not null,
    ended_at   integer                     -- ended before its time
);

-- What becomes of alerts is told to sinks too: the last event that one has accepted, and those it has refused.
alter table sink add column alert_event integer not null default 0;
alter table dead_letter add column alert_event integer;
create unique index dead_letter_of_alert on dead_letter (sink, alert_event) where alert_event is not null;
