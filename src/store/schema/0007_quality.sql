-- What sites say of the quality of their quantities, beyond what the vocabulary says of them everywhere.

create table site_quality (
    site                text not null references site,
    quantity            text not null,
    min                 real,
    max                 real,
    jump_step           real,                -- a change of more than this
    jump_within_seconds integer,             -- within this is a jump; both or neither
    stuck_for_seconds   integer,
    primary key (site, quantity)
) without rowid;
