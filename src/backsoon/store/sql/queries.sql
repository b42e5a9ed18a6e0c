-- Every statement of the store, by name. $1, $2, ... are its parameters in order. {ids $1} and {texts $1} stand for the
-- set in a list that is given as one parameter, {rows $1} for the rows of a table (its column `value` holds a JSON array).
-- What is read or written in bulk is one statement with one JSON parameter or one JSON answer.

-- ---------------------------------------------------------------------------------------------------- settings

-- name: organisations
select settings from organisation order by id;

-- name: save_organisation
insert into organisation (id, settings) values ($1, $2)
on conflict (id) do update set settings = excluded.settings;

-- name: organisation_known
select 1 from organisation where id = $1;

-- name: connections
select organisation_id, name, kind, settings from connection order by organisation_id, name;

-- name: connections_of
select organisation_id, name, kind, settings from connection where organisation_id = $1 order by name;

-- name: save_connection
insert into connection (organisation_id, name, kind, settings) values ($1, $2, $3, $4)
on conflict (organisation_id, name) do update set kind = excluded.kind, settings = excluded.settings;

-- name: people_losing_connections
select distinct c.person_id from calendar c
where c.organisation_id = $1 and c.connection not in {texts $2}
    and exists (select 1 from referral r where r.calendar_id = c.id);

-- name: keep_connections
delete from connection where organisation_id = $1 and name not in {texts $2};

-- name: switchboards
select organisation_id, name, kind, settings from switchboard order by organisation_id, name;

-- name: switchboards_of
select organisation_id, name, kind, settings from switchboard where organisation_id = $1 order by name;

-- name: save_switchboard
insert into switchboard (organisation_id, name, kind, settings) values ($1, $2, $3, $4)
on conflict (organisation_id, name) do update set kind = excluded.kind, settings = excluded.settings;

-- name: switchboard_known
select 1 from switchboard where organisation_id = $1 and name = $2;

-- name: keep_switchboards
delete from switchboard where organisation_id = $1 and name not in {texts $2};

-- ------------------------------------------------------------------------------------------------------ people

-- name: insert_person
insert into person
    (organisation_id, extension, extension_key, name, name_key, email, email_key, active, profile)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
returning id;

-- name: replace_person
update person set extension = $2, extension_key = $3, name = $4, name_key = $5, email = $6, email_key = $7,
    active = $8, profile = $9
where organisation_id = $1 and id = $10
returning id;

-- name: park_people
-- Nobody's extension begins with a tilde: two people may swap theirs.
update person set extension_key = '~' || id, email_key = null where id in {ids $1};

-- name: make_states
insert into person_state (person_id, availability, due, active)
select p.id, null, 0, p.active from person p where p.id in {ids $1}
on conflict (person_id) do update set due = excluded.due, active = excluded.active;

-- name: pass_on_active
update calendar set active = (select p.active from person p where p.id = calendar.person_id)
where person_id in {ids $1};

-- name: people
select id, organisation_id, extension, name, email, active, profile from person where id in {ids $1};

-- name: page_people
select id, organisation_id, extension, name, email, active, profile from person
where id > $1 order by id limit $2;

-- name: page_people_of
select id, organisation_id, extension, name, email, active, profile from person
where organisation_id = $3 and id > $1 order by id limit $2;

-- name: find_people
select id, organisation_id, extension, name, email, active, profile from person
where (cast($1 as text) is null or organisation_id = $1)
    and (extension_key = $2 or email_key = $2 or name_key like $3 escape '\')
order by case when extension_key = $2 or email_key = $2 then 0 else 1 end, name_key, id
limit $4;

-- name: remove_people
delete from person where id in {ids $1};

-- name: count_people
select count(*) from person;

-- name: count_people_of
select count(*) from person where organisation_id = $1;

-- --------------------------------------------------------------------------------------------------- calendars

-- name: insert_calendar
insert into calendar
    (person_id, organisation_id, connection, address, active, sync_token, next_read, health)
select p.id, p.organisation_id, $3, $4, p.active, null, 0, '{}'
from person p where p.id = $1 and p.organisation_id = $2
on conflict (person_id, connection, address) do update set address = excluded.address
returning id;

-- name: calendar
select person_id, organisation_id, connection, address from calendar where id = $1;

-- name: replace_calendar
update calendar set person_id = $2, organisation_id = $3, connection = $4, address = $5,
    active = (select p.active from person p where p.id = $2), sync_token = null, next_read = 0, health = '{}'
where id = $1;

-- name: people_with_referrals
select distinct c.person_id from calendar c
where c.id in {ids $1} and exists (select 1 from referral r where r.calendar_id = c.id);

-- name: remove_calendars
delete from calendar where id in {ids $1};

-- name: calendars
select id, person_id, organisation_id, connection, address, sync_token, next_read, health, null from calendar
where id > $1 order by id limit $2;

-- name: calendars_of
select id, person_id, organisation_id, connection, address, sync_token, next_read, health, null from calendar
where person_id = $3 and id > $1 order by id limit $2;

-- name: calendars_due
select c.id, c.person_id, c.organisation_id, c.connection, c.address, c.sync_token, c.next_read, c.health,
    (select min(case when r.start_at > $1 then r.start_at else r.end_at end)
     from referral r where r.calendar_id = c.id and r.end_at > $1)
from calendar c
where c.active = 1 and c.next_read <= $1 and c.organisation_id || '/' || c.connection not in {texts $3}
order by c.next_read, c.id limit $2;

-- name: next_read
select next_read from calendar where active = 1 order by next_read limit 1;

-- name: save_health
-- Locks the row before its referrals are compared: two nodes may have read the same calendar.
update calendar set sync_token = $2, next_read = $3, health = $4 where id = $1 returning person_id;

-- name: referrals_of
select calendar_id, uid, recurrence_id, resource, start_at, end_at, reason, phone, note, divert_to, rule, keyword
from referral where calendar_id = $1;

-- name: delete_referrals
delete from referral where calendar_id = $1 and resource = $2 and uid = $3 and recurrence_id = $4;

-- name: save_referrals
insert into referral (calendar_id, uid, recurrence_id, resource, start_at, end_at, reason, phone, note, divert_to,
    rule, keyword)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
on conflict (calendar_id, resource, uid, recurrence_id) do update set
    start_at = excluded.start_at, end_at = excluded.end_at, reason = excluded.reason, phone = excluded.phone,
    note = excluded.note, divert_to = excluded.divert_to, rule = excluded.rule, keyword = excluded.keyword;

-- name: read_soon
update calendar set next_read = 0 where id in {ids $1};

-- name: read_soon_whole
update calendar set next_read = 0, sync_token = null where id in {ids $1};

-- name: read_all_soon
update calendar set next_read = 0;

-- name: read_all_soon_whole
update calendar set next_read = 0, sync_token = null;

-- --------------------------------------------------------------------------------------------------- overrides

-- name: save_override
insert into override (person_id, start_at, end_at, reason, note, divert_to, set_by, through)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (person_id) do update set start_at = excluded.start_at, end_at = excluded.end_at,
    reason = excluded.reason, note = excluded.note, divert_to = excluded.divert_to, set_by = excluded.set_by,
    through = excluded.through;

-- name: remove_override
delete from override where person_id = $1;

-- ---------------------------------------------------------------------------------------------------- deciding

-- name: claims
select json_group_array(json_array(c.person_id, r.calendar_id, r.uid, r.recurrence_id, r.resource, r.start_at, r.end_at,
    r.reason, r.phone, r.note, r.divert_to, r.rule, r.keyword))
from calendar c join referral r on r.calendar_id = c.id
where c.person_id in {ids $1} and r.end_at > $2;

-- name: first_claims
-- Of somebody who books everything, the next ones decide: no more are read.
select json_group_array(json_array(person_id, calendar_id, uid, recurrence_id, resource, start_at, end_at,
    reason, phone, note, divert_to, rule, keyword))
from (
    select c.person_id, r.*, row_number() over (
        partition by c.person_id order by r.start_at, r.calendar_id, r.resource, r.uid, r.recurrence_id) as place
    from calendar c join referral r on r.calendar_id = c.id
    where c.person_id in {ids $1} and r.end_at > $2
) as coming
where place <= $3;

-- name: overrides
select json_group_array(json_array(person_id, start_at, end_at, reason, note, divert_to, set_by, through))
from override where person_id in {ids $1};

-- name: states
select json_group_array(json_array(person_id, availability, due))
from person_state where person_id in {ids $1} and availability is not null;

-- name: due
-- Two stretches of the index: thousands may be due at one instant, and a page must not pass over all before it.
select json_group_array(json_array(due, person_id)) from (
    select due, person_id from (
        select due, person_id from person_state
        where active = 1 and due is not null and due = $2 and due < $1 and person_id > $3
        order by person_id limit $4
    ) as same
    union all
    select due, person_id from (
        select due, person_id from person_state
        where active = 1 and due is not null and due > $2 and due < $1
        order by due, person_id limit $4
    ) as later
    order by due, person_id limit $4
) as page;

-- name: make_due
update person_state set due = 0 where person_id in {ids $1};

-- name: save_states
update person_state
set availability = json_extract(decided.value, '$[1]'), due = json_extract(decided.value, '$[2]')
from {rows $1} as decided
where person_state.person_id = json_extract(decided.value, '$[0]');

-- name: save_changes
insert into availability_change (person_id, at, recorded_at, availability, cause, set_by, through)
select json_extract(change.value, '$[0]'), json_extract(change.value, '$[1]'), json_extract(change.value, '$[2]'),
    json_extract(change.value, '$[3]'), json_extract(change.value, '$[4]'), json_extract(change.value, '$[5]'),
    json_extract(change.value, '$[6]')
from {rows $1} as change
where exists (select 1 from person p where p.id = json_extract(change.value, '$[0]'));

-- name: change_before
select person_id, at, recorded_at, availability, cause, set_by, through from availability_change
where person_id = $1 and at < $2 order by at desc, id desc limit 1;

-- name: changes
select person_id, at, recorded_at, availability, cause, set_by, through from availability_change
where person_id = $1 and at >= $2 and at < $3 order by at, id limit $4;

-- name: next_people
select max(id) from (select id from person where id > $1 order by id limit $2) as page;

-- name: forget_changes
-- A change has ended when the next one of the same person began; the one that still holds stays.
delete from availability_change where id in (
    select old.id from person p join availability_change old on old.person_id = p.id
    where p.id > $2 and p.id <= $3 and old.at < $1 and exists (
        select 1 from availability_change later
        where later.person_id = old.person_id and later.at < $1 and (later.at, later.id) > (old.at, old.id)
    )
);

-- name: forget_referrals
delete from referral where end_at < $1 and calendar_id in (
    select c.id from calendar c where c.person_id > $2 and c.person_id <= $3
);

-- name: forget_overrides
delete from override where person_id > $2 and person_id <= $3 and end_at < $1;

-- ------------------------------------------------------------------------------------------------------- told

-- name: told
select json_group_array(json_array(extension, lamp, plan, at)) from told where organisation_id = $1 and switchboard = $2;

-- name: extensions_told
select json_group_array(extension) from told where organisation_id = $1 and switchboard = $2;

-- name: told_extensions
select json_group_array(json_array(extension, lamp, plan, at)) from told
where organisation_id = $1 and switchboard = $2 and extension in {texts $3};

-- name: save_told
insert into told (organisation_id, switchboard, extension, lamp, plan, at)
select $1, $2, json_extract(said.value, '$[0]'), json_extract(said.value, '$[1]'), json_extract(said.value, '$[2]'),
    json_extract(said.value, '$[3]')
from {rows $3} as said where true
on conflict (organisation_id, switchboard, extension) do update set lamp = excluded.lamp, plan = excluded.plan,
    at = excluded.at;

-- name: delete_told
delete from told where organisation_id = $1 and switchboard = $2 and extension in {texts $3};
