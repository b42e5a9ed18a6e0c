-- Notifications that vendors send, and the order in which calendars are read.

-- lane: the lower, the sooner (`store.values.Lane`). hinted_at: when it was hinted last, 0: never.
alter table calendar add column lane integer not null default 3;
alter table calendar add column hinted_at bigint not null default 0;
update calendar set lane = 2 where confirmed_at is not null;
drop index calendar_due;
create index calendar_due on calendar (organisation_id, connection, lane, next_read, id) where active = 1;

-- id is the vendor's. calendar_id null: nobody's, to be cancelled.
create table subscription (
    id text not null primary key,
    organisation_id text not null,
    connection text not null,
    calendar_id {id} references calendar (id) on delete set null,
    expires_at bigint not null,
    renew_at bigint not null,
    resource text not null,
    url text not null,
    replaced integer not null,
    foreign key (organisation_id, connection) references connection (organisation_id, name) on delete cascade
);
create index subscription_page on subscription (organisation_id, connection, id);
create index subscription_renewal on subscription (organisation_id, connection, renew_at, id);
create index subscription_calendar on subscription (calendar_id, replaced, expires_at);

-- What secrets are derived from: 32 random bytes in hexadecimal digits.
create table derivation_key (
    name text not null primary key,
    value text not null
);
