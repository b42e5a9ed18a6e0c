-- For which mailbox notifications were ordered, in lower case; '': before that was kept.

alter table subscription add column address text not null default '';
