-- What was known when, for explaining: versions of referrals and overrides that hold no more, entries passed over, lamps
-- told. How fresh calendars are. Tokens. {confirmed} is the instant in a calendar's health, which was kept there before.

-- Since when the person has had the extension. 0: nobody knows.
alter table person add column held_since bigint not null default 0;

alter table calendar add column confirmed_at bigint;
update calendar set confirmed_at = {confirmed};
create index calendar_confirmed on calendar (confirmed_at, id, person_id) where active = 1 and confirmed_at is not null;

-- When a read brought it so. 0: nobody knows.
alter table referral add column known_from bigint not null default 0;

-- Only those that had begun; they outlive their calendar. over_at is when the last instant was past that they explain: the
-- earlier of end_at and known_to, or of end_at and replaced_at.
create table referral_past (
    id {identity},
    person_id {id} not null references person (id) on delete cascade,
    calendar_id {id} not null,
    uid text not null,
    recurrence_id text not null,
    resource text not null,
    start_at bigint not null,
    end_at bigint not null,
    reason text not null,
    phone text not null,
    divert_to text not null,
    rule text not null,
    keyword text not null,
    known_from bigint not null,
    known_to bigint not null,
    over_at bigint not null
);
create index referral_past_person on referral_past (person_id, over_at);

-- known_to null: it is still so. There is no place for an entry's text.
create table passed_over (
    calendar_id {id} not null references calendar (id) on delete cascade,
    uid text not null,
    recurrence_id text not null,
    resource text not null,
    start_at bigint not null,
    end_at bigint not null,
    because text not null,
    keyword text not null,
    known_from bigint not null,
    known_to bigint,
    primary key (calendar_id, resource, uid, recurrence_id, known_from)
);

-- replaced_at null: it ended as it said.
create table override_past (
    id {identity},
    person_id {id} not null references person (id) on delete cascade,
    start_at bigint not null,
    end_at bigint,
    reason text,
    note text not null,
    divert_to text not null,
    set_by text not null,
    through text not null,
    replaced_at bigint,
    replaced_by text not null,
    replaced_through text not null,
    over_at bigint not null
);
create index override_past_person on override_past (person_id, over_at);

-- Changes of lamps of extensions that somebody has; they go with whoever has the extension. lamp "": out.
create table lamp_told (
    id {identity},
    person_id {id} not null references person (id) on delete cascade,
    switchboard text not null,
    at bigint not null,
    lamp text not null,
    unique (person_id, switchboard, at)
);

-- digest is all that is kept of a token.
create table token (
    id {identity},
    organisation_id text not null references organisation (id) on delete cascade,
    person_id {id},
    role text not null,
    name text not null,
    digest text not null unique,
    created_at bigint not null,
    created_by text not null,
    expires_at bigint,
    foreign key (person_id, organisation_id) references person (id, organisation_id) on delete cascade
);
create index token_organisation on token (organisation_id, id);
create index token_person on token (person_id, organisation_id);
