-- What drivers remember over restarts: entity tags, counters.

create table switchboard_kept (
    organisation_id text not null,
    switchboard text not null,
    key text not null,
    value text not null,
    primary key (organisation_id, switchboard, key),
    foreign key (organisation_id, switchboard) references switchboard (organisation_id, name) on delete cascade
);
