-- The rules that staff have set up by the API, each as often as it has been changed. The last row of a rule holds.
create table alert_rule (
    revision integer primary key,
    rule     text not null,
    body     text,                         -- JSON with the keys of alerts.toml; withdrawn if null
    at       integer not null,
    who      text not null,
    why      text not null
);

create index alert_rule_of_rule on alert_rule (rule, revision);

-- What is measured that an alert is about, which outlives its rule; none where it is about silence and the like.
alter table alert add column quantity text;

-- Who ended a silence before its time.
alter table silence add column ended_by text;
