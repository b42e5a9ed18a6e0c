-- Messages that attendants leave for people. read_at null: not read yet. written_by is who wrote it, as history names them;
-- writer whose it is: account:ID or token:ID, for names may be shared.

create table message (
    id {identity},
    person_id {id} not null references person (id) on delete cascade,
    left_at bigint not null,
    text text not null,
    caller text not null,
    written_by text not null,
    writer text not null,
    read_at bigint
);
create index message_person on message (person_id, id);
create index message_left on message (left_at);
create index message_read on message (read_at) where read_at is not null;
