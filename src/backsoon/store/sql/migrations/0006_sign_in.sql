-- Who may sign in, who is signed in, and who did what.

-- roles: words with blanks between. user_key (casefolded) null: signs in by an issuer, whom issuer and subject are of.
-- password: an argon2id hash. email: as the issuer claimed it, for whoever approves; nobody is known by it.
create table account (
    id {identity},
    organisation_id text not null references organisation (id) on delete cascade,
    person_id {id} references person (id) on delete set null,
    state text not null,
    name text not null,
    roles text not null,
    user_name text not null,
    user_key text,
    password text not null,
    issuer text not null,
    subject text not null,
    email text not null,
    created_at bigint not null,
    created_by text not null,
    signed_in_at bigint
);
create unique index account_user on account (user_key);
create unique index account_subject on account (organisation_id, issuer, subject) where issuer <> '';
create index account_page on account (organisation_id, id);
create index account_person on account (person_id);

-- digest is all that is kept of a session's id. seen_at is behind by some minutes at most.
create table session (
    id {identity},
    account_id {id} not null references account (id) on delete cascade,
    digest text not null unique,
    created_at bigint not null,
    seen_at bigint not null,
    ends_at bigint not null
);
create index session_account on session (account_id);
create index session_end on session (ends_at);

-- organisation_id null: it is not known whose it is, as of a sign-in of nobody. sought: the words, casefolded.
create table audit (
    id {identity},
    organisation_id text references organisation (id) on delete cascade,
    at bigint not null,
    who text not null,
    through text not null,
    what text not null,
    about text not null,
    details text not null,
    sought text not null
);
create index audit_page on audit (organisation_id, at, id);
create index audit_age on audit (at);
