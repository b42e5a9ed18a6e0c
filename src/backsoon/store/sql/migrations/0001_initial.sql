-- Everything that Backsoon remembers. Instants are microseconds since 1970 in UTC; JSON is kept as text, read by us alone.
-- {identity} is a key that the database gives and never gives twice, {id} the type of a column that holds one.

create table organisation (
    id text not null primary key,
    settings text not null
);

create table connection (
    organisation_id text not null references organisation (id) on delete cascade,
    name text not null,
    kind text not null,
    settings text not null,
    primary key (organisation_id, name)
);

create table switchboard (
    organisation_id text not null references organisation (id) on delete cascade,
    name text not null,
    kind text not null,
    settings text not null,
    primary key (organisation_id, name)
);

-- The columns that end in _key are casefolded, for finding and for uniqueness; email_key is null where there is no address.
create table person (
    id {identity},
    organisation_id text not null references organisation (id) on delete cascade,
    extension text not null,
    extension_key text not null,
    name text not null,
    name_key text not null,
    email text not null,
    email_key text,
    active integer not null,
    profile text not null,
    unique (id, organisation_id)
);
create unique index person_extension on person (organisation_id, extension_key);
create unique index person_email on person (organisation_id, email_key);
create index person_page on person (organisation_id, id);

-- active repeats the person's, so that what is due is found by one index. next_read 0: as soon as possible.
create table calendar (
    id {identity},
    person_id {id} not null,
    organisation_id text not null,
    connection text not null,
    address text not null,
    active integer not null,
    sync_token text,
    next_read bigint not null,
    health text not null,
    unique (person_id, connection, address),
    foreign key (person_id, organisation_id) references person (id, organisation_id) on delete cascade,
    foreign key (organisation_id, connection) references connection (organisation_id, name) on delete cascade
);
create index calendar_connection on calendar (organisation_id, connection);
create index calendar_due on calendar (next_read, id) where active = 1;

create table referral (
    calendar_id {id} not null references calendar (id) on delete cascade,
    uid text not null,
    recurrence_id text not null,
    resource text not null,
    start_at bigint not null,
    end_at bigint not null,
    reason text not null,
    phone text not null,
    note text not null,
    divert_to text not null,
    rule text not null,
    keyword text not null,
    primary key (calendar_id, resource, uid, recurrence_id)
);
create index referral_time on referral (calendar_id, end_at, start_at);

-- reason null: available by hand. end_at null: until taken back.
create table override (
    person_id {id} not null primary key references person (id) on delete cascade,
    start_at bigint not null,
    end_at bigint,
    reason text,
    note text not null,
    divert_to text not null,
    set_by text not null,
    through text not null
);

-- availability null: never decided about; "": available with nothing running and nothing coming. due 0: at once.
create table person_state (
    person_id {id} not null primary key references person (id) on delete cascade,
    availability text,
    due bigint,
    active integer not null
);
create index person_state_due on person_state (due, person_id) where active = 1 and due is not null;

create table availability_change (
    id {identity},
    person_id {id} not null references person (id) on delete cascade,
    at bigint not null,
    recorded_at bigint not null,
    availability text not null,
    cause text not null,
    set_by text not null,
    through text not null
);
create index availability_change_person on availability_change (person_id, at, id);

create table told (
    organisation_id text not null,
    switchboard text not null,
    extension text not null,
    lamp text not null,
    plan text not null,
    at bigint not null,
    primary key (organisation_id, switchboard, extension),
    foreign key (organisation_id, switchboard) references switchboard (organisation_id, name) on delete cascade
);
