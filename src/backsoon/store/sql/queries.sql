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

-- name: calendars_losing_connections
select c.id from calendar c where c.organisation_id = $1 and c.connection not in {texts $2};

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

-- name: switchboards_gone
select name from switchboard where organisation_id = $1 and name not in {texts $2};

-- name: forget_lamps_of
delete from lamp_told where switchboard in {texts $2} and person_id in (
    select p.id from person p where p.organisation_id = $1
);

-- name: forget_told
delete from told where organisation_id = $1 and switchboard in {texts $2};

-- name: forget_kept
delete from switchboard_kept where organisation_id = $1 and switchboard in {texts $2};

-- name: rename_told
update told set switchboard = $3 where organisation_id = $1 and switchboard = $2;

-- name: rename_kept
update switchboard_kept set switchboard = $3 where organisation_id = $1 and switchboard = $2;

-- name: keep_switchboards
delete from switchboard where organisation_id = $1 and name not in {texts $2};

-- ------------------------------------------------------------------------------------------------------ people

-- name: insert_person
insert into person
    (organisation_id, extension, extension_key, name, name_key, email, email_key, active, profile, held_since)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
returning id;

-- name: replace_person
update person set extension = $2, extension_key = $3, name = $4, name_key = $5, email = $6, email_key = $7,
    active = $8, profile = $9, held_since = coalesce($10, held_since)
where organisation_id = $1 and id = $11
returning id;

-- name: extension_keys
select json_group_array(json_array(id, extension_key)) from person where id in {ids $1};

-- name: forget_lamps
delete from lamp_told where person_id in {ids $1};

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

-- name: by_extension
select id, organisation_id, extension, name, email, active, profile from person
where organisation_id = $1 and extension_key = $2;

-- name: first_claim
select id, organisation_id, extension, name, email, active, profile,
    (select min(r.start_at) from calendar c join referral r on r.calendar_id = c.id
        where c.person_id = person.id and r.end_at > $3),
    (select o.start_at from override o where o.person_id = person.id and (o.end_at is null or o.end_at > $3))
from person
where organisation_id = $1 and extension_key = $2;

-- name: held_since
select held_since from person where organisation_id = $1 and extension_key = $2;

-- name: search_people
select id, organisation_id, extension, name, email, active, profile from person
where id > $1 and (cast($3 as text) is null or organisation_id = $3)
    and (name_key like $4 escape '\' or extension_key like $4 escape '\' or ($5 = 1 and (email_key like $4 escape '\'
        or json_extract(profile, '$.sought') like $4 escape '\')))
order by id limit $2;

-- name: departments
select distinct json_extract(profile, '$.department') as department from person
where organisation_id = $1 and active = 1 and json_extract(profile, '$.department') is not null
order by department;

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
    active = (select p.active from person p where p.id = $2), sync_token = null, next_read = 0,
    lane = 3, hinted_at = 0, confirmed_at = null, health = '{}'
where id = $1;

-- name: pass_on_referrals
-- The one who has the calendar now has had none of its referrals before.
update referral set known_from = coalesce((select c.confirmed_at from calendar c where c.id = referral.calendar_id), 0)
where calendar_id = $1;

-- name: forget_passed_over
delete from passed_over where calendar_id = $1;

-- name: close_calendars
-- Nobody says when they go: their referrals were known until they were read last.
insert into referral_past (person_id, calendar_id, uid, recurrence_id, resource, start_at, end_at, reason, phone,
    divert_to, rule, keyword, known_from, known_to, over_at)
select c.person_id, r.calendar_id, r.uid, r.recurrence_id, r.resource, r.start_at, r.end_at, r.reason, r.phone,
    r.divert_to, r.rule, r.keyword, r.known_from, c.confirmed_at,
    case when r.end_at < c.confirmed_at then r.end_at else c.confirmed_at end
from calendar c join referral r on r.calendar_id = c.id
where c.id in {ids $1} and r.start_at < c.confirmed_at and r.known_from < c.confirmed_at and r.known_from < r.end_at;

-- name: people_with_referrals
select distinct c.person_id from calendar c
where c.id in {ids $1} and exists (select 1 from referral r where r.calendar_id = c.id);

-- name: remove_calendars
delete from calendar where id in {ids $1};

-- name: calendars
select id, person_id, organisation_id, connection, address, sync_token, next_read, confirmed_at, lane, hinted_at,
    health, null
from calendar
where id > $1 order by id limit $2;

-- name: calendars_of
select id, person_id, organisation_id, connection, address, sync_token, next_read, confirmed_at, lane, hinted_at,
    health, null
from calendar
where person_id = $3 and id > $1 order by id limit $2;

-- name: owned
select p.id, p.organisation_id, p.extension, p.name, p.email, p.active, p.profile, c.person_id, c.organisation_id,
    c.connection, c.address
from calendar c join person p on p.id = c.person_id
where c.id = $1;

-- name: calendars_due
-- By connection and lane, so that a long queue is never gone through: $2 of each are looked at. Of $5 nothing is told.
with due as (
    select d.id as id, d.lane as lane, d.next_read as next_read
    from connection k
        cross join (select 0 as lane union all select 1 union all select 2 union all select 3) as l
        cross join calendar d
    where k.organisation_id || '/' || k.name not in {texts $3} and d.id in (
        select e.id from calendar e
        where e.organisation_id = k.organisation_id and e.connection = k.name and e.lane = l.lane and e.active = 1
            and e.next_read <= $1
        order by e.next_read, e.id limit $2
    )
    order by d.lane, d.next_read, d.id limit $2
)
select c.id, c.person_id, c.organisation_id, c.connection, c.address, c.sync_token, c.next_read, c.confirmed_at,
    c.lane, c.hinted_at, c.health, (select min(case when r.start_at > $4 then r.start_at else r.end_at end)
     from referral r where r.calendar_id = c.id and r.end_at > $4),
    p.id, p.organisation_id, p.extension, p.name, p.email, p.active, p.profile
from due cross join calendar c cross join person p
where c.id = due.id and p.id = c.person_id and c.id not in {ids $5}
order by due.lane, due.next_read, due.id;

-- name: next_read
select min((
    select e.next_read from calendar e
    where e.organisation_id = k.organisation_id and e.connection = k.name and e.lane = l.lane and e.active = 1
    order by e.next_read limit 1
))
from connection k cross join (select 0 as lane union all select 1 union all select 2 union all select 3) as l
where k.organisation_id || '/' || k.name not in {texts $1};

-- name: save_health
-- Rows of (calendar, sync_token, next_read, confirmed_at, health, lane, hinted_at). Locks what it changes before its
-- referrals are compared: two nodes may have read the same calendar. Who was hinted after the last of them stays due as
-- the hint has made it, unless that is later.
update calendar set sync_token = read.token, confirmed_at = read.confirmed_at, health = read.health,
    lane = case when calendar.hinted_at > read.hinted_at and calendar.next_read <= read.next_read
        then calendar.lane else read.lane end,
    next_read = case when calendar.hinted_at > read.hinted_at and calendar.next_read <= read.next_read
        then calendar.next_read else read.next_read end
from (
    select json_extract(one.value, '$[0]') as id, json_extract(one.value, '$[1]') as token,
        json_extract(one.value, '$[2]') as next_read, json_extract(one.value, '$[3]') as confirmed_at,
        json_extract(one.value, '$[4]') as health, json_extract(one.value, '$[5]') as lane,
        json_extract(one.value, '$[6]') as hinted_at
    from {rows $1} as one
) as read
where calendar.id = read.id;

-- name: owners
select json_group_array(json_array(id, person_id)) from calendar where id in {ids $1};

-- name: freshness
select json_group_array(json_array(c.person_id, c.id, c.confirmed_at, coalesce(json_extract(c.health, '$.problem'), '')))
from calendar c where c.person_id in {ids $1};

-- name: confirmed_between
-- The plus signs keep the index of instants in use, not that of ids.
select c.id, c.person_id from calendar c
where c.active = 1 and c.confirmed_at > $1 and c.confirmed_at <= $2 and +c.id > $3
order by +c.id limit $4;

-- name: connections_health
-- Health is '{}' where there is nothing to say.
select c.connection, count(*),
    count(case when c.health <> '{}' then json_extract(c.health, '$.problem') end),
    count(case when c.confirmed_at < $2 then 1 end),
    count(case when c.confirmed_at < $2 and json_extract(c.health, '$.problem') is null then 1 end),
    count(case when c.confirmed_at is null then 1 end),
    count(case when c.health <> '{}'
        then coalesce(json_extract(c.health, '$.warnings'), json_extract(c.health, '$.rejected')) end)
from calendar c where c.organisation_id = $1 and c.active = 1
group by c.connection order by c.connection;

-- name: calendar_problems
select found.connection, found.problem, found.remedy, found.calendars, found.since, found.first, c.person_id
from (
    select f.connection as connection, json_extract(f.health, '$.problem') as problem,
        coalesce(json_extract(f.health, '$.remedy'), '') as remedy, count(*) as calendars,
        min(json_extract(f.health, '$.since')) as since, min(f.id) as first
    from calendar f
    where f.organisation_id = $1 and f.active = 1 and f.health <> '{}' and json_extract(f.health, '$.problem') is not null
    group by f.connection, json_extract(f.health, '$.problem'), coalesce(json_extract(f.health, '$.remedy'), '')
    order by count(*) desc, f.connection, json_extract(f.health, '$.problem') limit $2
) as found join calendar c on c.id = found.first
order by found.calendars desc, found.connection, found.problem;

-- name: remarkable_calendars
select id, person_id, organisation_id, connection, address, sync_token, next_read, confirmed_at, lane, hinted_at,
    health, null
from calendar where organisation_id = $1 and active = 1 and health <> '{}' order by id limit $2;

-- name: referrals_of
-- At most $2 of them.
select json_group_array(json_array(held.calendar_id, held.uid, held.recurrence_id, held.resource, held.start_at,
    held.end_at, held.reason, held.phone, held.note, held.divert_to, held.rule, held.keyword))
from (select * from referral where calendar_id = $1 limit $2) as held;

-- name: stored_reads
-- What reads are compared with, in one value: calendars' referrals, and the entries that were passed over.
select json_array(
    (select json_group_array(json_array(r.calendar_id, r.uid, r.recurrence_id, r.resource, r.start_at, r.end_at,
        r.reason, r.phone, r.note, r.divert_to, r.rule, r.keyword)) from referral r where r.calendar_id in {ids $1}),
    (select json_group_array(json_array(p.calendar_id, p.uid, p.recurrence_id, p.resource, p.start_at, p.end_at,
        p.because, p.keyword)) from passed_over p where p.calendar_id in {ids $1} and p.known_to is null));

-- name: close_referrals
-- By rows of (calendar, resource, uid, recurrence_id, person, at). Keeps those that had begun: what held nowhere explains
-- nothing.
insert into referral_past (person_id, calendar_id, uid, recurrence_id, resource, start_at, end_at, reason, phone,
    divert_to, rule, keyword, known_from, known_to, over_at)
select gone.person, r.calendar_id, r.uid, r.recurrence_id, r.resource, r.start_at, r.end_at, r.reason, r.phone,
    r.divert_to, r.rule, r.keyword, r.known_from, gone.at, case when r.end_at < gone.at then r.end_at else gone.at end
from (
    select json_extract(key.value, '$[0]') as calendar, json_extract(key.value, '$[1]') as resource,
        json_extract(key.value, '$[2]') as uid, json_extract(key.value, '$[3]') as recurrence,
        json_extract(key.value, '$[4]') as person, json_extract(key.value, '$[5]') as at
    from {rows $1} as key
) as gone
    cross join referral r
where r.calendar_id = gone.calendar and r.resource = gone.resource and r.uid = gone.uid
    and r.recurrence_id = gone.recurrence and r.start_at < gone.at and r.known_from < gone.at
    and r.known_from < r.end_at;

-- name: delete_referrals
delete from referral where (calendar_id, resource, uid, recurrence_id) in (
    select json_extract(key.value, '$[0]'), json_extract(key.value, '$[1]'), json_extract(key.value, '$[2]'),
        json_extract(key.value, '$[3]')
    from {rows $1} as key
);

-- name: save_referrals
-- The last column is the instant of the read.
insert into referral (calendar_id, uid, recurrence_id, resource, start_at, end_at, reason, phone, note, divert_to,
    rule, keyword, known_from)
select json_extract(read.value, '$[0]'), json_extract(read.value, '$[1]'), json_extract(read.value, '$[2]'),
    json_extract(read.value, '$[3]'), json_extract(read.value, '$[4]'), json_extract(read.value, '$[5]'),
    json_extract(read.value, '$[6]'), json_extract(read.value, '$[7]'), json_extract(read.value, '$[8]'),
    json_extract(read.value, '$[9]'), json_extract(read.value, '$[10]'), json_extract(read.value, '$[11]'),
    json_extract(read.value, '$[12]')
from {rows $1} as read where true
on conflict (calendar_id, resource, uid, recurrence_id) do update set
    start_at = excluded.start_at, end_at = excluded.end_at, reason = excluded.reason, phone = excluded.phone,
    note = excluded.note, divert_to = excluded.divert_to, rule = excluded.rule, keyword = excluded.keyword,
    known_from = excluded.known_from;

-- name: close_passed_over
-- By rows of (calendar, resource, uid, recurrence_id, at).
update passed_over set known_to = gone.at
from (
    select json_extract(key.value, '$[0]') as calendar, json_extract(key.value, '$[1]') as resource,
        json_extract(key.value, '$[2]') as uid, json_extract(key.value, '$[3]') as recurrence,
        json_extract(key.value, '$[4]') as at
    from {rows $1} as key
) as gone
where passed_over.calendar_id = gone.calendar and passed_over.resource = gone.resource and passed_over.uid = gone.uid
    and passed_over.recurrence_id = gone.recurrence and passed_over.known_to is null and passed_over.start_at < gone.at
    and passed_over.known_from < gone.at and passed_over.known_from < passed_over.end_at;

-- name: delete_passed_over
delete from passed_over
where known_to is null and (calendar_id, resource, uid, recurrence_id) in (
    select json_extract(key.value, '$[0]'), json_extract(key.value, '$[1]'), json_extract(key.value, '$[2]'),
        json_extract(key.value, '$[3]')
    from {rows $1} as key
);

-- name: save_passed_over
-- The last column is the instant of the read.
insert into passed_over (calendar_id, uid, recurrence_id, resource, start_at, end_at, because, keyword, known_from)
select json_extract(read.value, '$[0]'), json_extract(read.value, '$[1]'), json_extract(read.value, '$[2]'),
    json_extract(read.value, '$[3]'), json_extract(read.value, '$[4]'), json_extract(read.value, '$[5]'),
    json_extract(read.value, '$[6]'), json_extract(read.value, '$[7]'), json_extract(read.value, '$[8]')
from {rows $1} as read where true
on conflict (calendar_id, resource, uid, recurrence_id, known_from) do update set
    start_at = excluded.start_at, end_at = excluded.end_at, because = excluded.because, keyword = excluded.keyword,
    known_to = null;

-- name: read_soon
update calendar set next_read = 0, lane = case when lane > 1 then 1 else lane end where id in {ids $1};

-- name: read_soon_whole
update calendar set next_read = 0, lane = case when lane > 1 then 1 else lane end, sync_token = null
where id in {ids $1};

-- name: read_all_soon
update calendar set next_read = 0, lane = case when lane < 2 then 2 else lane end;

-- name: read_all_soon_whole
update calendar set next_read = 0, lane = case when lane < 2 then 2 else lane end, sync_token = null;

-- name: confirm
-- Only upwards, and only of those that were read, have no problem and are not due: somebody may have told of a change.
update calendar set confirmed_at = $2
where id in {ids $1} and confirmed_at < $2 and next_read > $2 and (health = '{}' or json_extract(health, '$.problem') is null);

-- name: hint
-- Whoever is due before $4 in a lower lane stays in that; whoever was never read does not do so to be compared.
update calendar set lane = case when lane < $2 and next_read <= $4 then lane
        when lane = 3 and $2 = 2 and confirmed_at is null then 3 else $2 end,
    next_read = case when next_read < $3 then next_read else $3 end,
    hinted_at = case when hinted_at < $3 then $3 else hinted_at + 1 end
where id in {ids $1};

-- name: calendars_at
select id, person_id, organisation_id, connection, address, sync_token, next_read, confirmed_at, lane, hinted_at,
    health, null
from calendar
where organisation_id = $3 and connection = $4 and active = 1 and id > $1 order by id limit $2;

-- --------------------------------------------------------------------------------------------- subscriptions

-- name: derivation_key
select value from derivation_key where name = $1;

-- name: make_derivation_key
insert into derivation_key (name, value) values ($1, $2) on conflict (name) do nothing;

-- name: subscriptions
select organisation_id, connection, calendar_id, id, expires_at, renew_at, resource, url, replaced, address
from subscription
where id in {texts $1};

-- name: page_subscriptions
select organisation_id, connection, calendar_id, id, expires_at, renew_at, resource, url, replaced, address
from subscription
where organisation_id = $1 and connection = $2 and id > $3 order by id limit $4;

-- name: subscriptions_to_renew
select organisation_id, connection, calendar_id, id, expires_at, renew_at, resource, url, replaced, address
from subscription
where organisation_id = $1 and connection = $2 and renew_at <= $3 order by renew_at, id limit $4;

-- name: next_renewal
select renew_at from subscription where organisation_id = $1 and connection = $2 order by renew_at limit 1;

-- name: unsubscribed
select c.person_id, c.organisation_id, c.connection, c.address, c.id from calendar c
where c.organisation_id = $1 and c.connection = $2 and c.active = 1 and c.id > $4 and not exists (
    select 1 from subscription s where s.calendar_id = c.id and s.replaced = 0 and s.expires_at > $3
)
order by c.id limit $5;

-- name: save_subscriptions
insert into subscription
    (organisation_id, connection, calendar_id, id, expires_at, renew_at, resource, url, replaced, address)
select json_extract(said.value, '$[0]'), json_extract(said.value, '$[1]'), c.id, json_extract(said.value, '$[3]'),
    json_extract(said.value, '$[4]'),
    case when c.id is null and json_extract(said.value, '$[2]') <> 0 then 0
        else json_extract(said.value, '$[5]') end,
    json_extract(said.value, '$[6]'), json_extract(said.value, '$[7]'), json_extract(said.value, '$[8]'),
    json_extract(said.value, '$[9]')
from {rows $1} as said
    left join calendar c on c.id = json_extract(said.value, '$[2]') and c.active = 1
        and c.organisation_id = json_extract(said.value, '$[0]') and c.connection = json_extract(said.value, '$[1]')
where true
on conflict (id) do update set organisation_id = excluded.organisation_id, connection = excluded.connection,
    calendar_id = excluded.calendar_id, expires_at = excluded.expires_at, renew_at = excluded.renew_at,
    resource = excluded.resource, url = excluded.url, replaced = excluded.replaced, address = excluded.address;

-- name: remove_subscriptions
delete from subscription where id in {texts $1};

-- name: forget_subscriptions_of_other_kinds
delete from subscription where organisation_id = $1 and connection = $2 and exists (
    select 1 from connection k where k.organisation_id = $1 and k.name = $2 and k.kind <> $3
);

-- name: disown_subscriptions
update subscription set calendar_id = null, renew_at = 0 where calendar_id in {ids $1};

-- name: disown_subscriptions_moved
-- Of people whose e-mail address becomes another one: (id, e-mail address) in $1.
update subscription set calendar_id = null, renew_at = 0 where calendar_id in (
    select c.id from {rows $1} as said
        join person p on p.id = json_extract(said.value, '$[0]') and p.email <> json_extract(said.value, '$[1]')
        join calendar c on c.person_id = p.id
);

-- name: disown_subscriptions_of
-- Of people who go ($2 is 1), or of those among them who are switched off.
update subscription set calendar_id = null, renew_at = 0 where calendar_id in (
    select c.id from calendar c where c.person_id in {ids $1} and (c.active = 0 or $2 = 1)
);

-- --------------------------------------------------------------------------------------------------- overrides

-- name: save_override
insert into override (person_id, start_at, end_at, reason, note, divert_to, set_by, through)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (person_id) do update set start_at = excluded.start_at, end_at = excluded.end_at,
    reason = excluded.reason, note = excluded.note, divert_to = excluded.divert_to, set_by = excluded.set_by,
    through = excluded.through;

-- name: close_override
-- One that was over before was not replaced: it ended as it said.
insert into override_past (person_id, start_at, end_at, reason, note, divert_to, set_by, through, replaced_at,
    replaced_by, replaced_through, over_at)
select o.person_id, o.start_at, o.end_at, o.reason, o.note, o.divert_to, o.set_by, o.through,
    case when o.end_at <= $2 then null else $2 end, case when o.end_at <= $2 then '' else $3 end,
    case when o.end_at <= $2 then '' else $4 end, case when o.end_at <= $2 then o.end_at else $2 end
from override o where o.person_id = $1;

-- name: override
select person_id, start_at, end_at, reason, note, divert_to, set_by, through from override where person_id = $1;

-- name: remove_override
delete from override where person_id = $1;

-- name: overrides_since
select person_id, start_at, end_at, reason, note, divert_to, set_by, through, replaced_at, replaced_by,
    replaced_through
from (
    select person_id, start_at, end_at, reason, note, divert_to, set_by, through, replaced_at, replaced_by,
        replaced_through, id, 0 as present
    from override_past where person_id = $1 and (over_at > $2 or start_at > $2)
    union all
    select person_id, start_at, end_at, reason, note, divert_to, set_by, through, null, '', '', 0, 1
    from override where person_id = $1 and (end_at is null or end_at > $2)
) as known
order by start_at, present, id;

-- ----------------------------------------------------------------------------------------------------- grounds

-- name: override_at
select person_id, start_at, end_at, reason, note, divert_to, set_by, through, replaced_at, replaced_by,
    replaced_through
from (
    select person_id, start_at, end_at, reason, note, divert_to, set_by, through, replaced_at, replaced_by,
        replaced_through, id, 0 as present
    from override_past where person_id = $1 and start_at <= $2 and over_at > $2
    union all
    select person_id, start_at, end_at, reason, note, divert_to, set_by, through, null, '', '', 0, 1
    from override where person_id = $1 and start_at <= $2 and (end_at is null or end_at > $2)
) as known
order by start_at desc, present desc, id desc limit 1;

-- name: referrals_at
select json_group_array(json_array(calendar_id, uid, recurrence_id, resource, start_at, end_at, reason, phone, note,
    divert_to, rule, keyword, known_from, known_to))
from (
    select r.calendar_id, r.uid, r.recurrence_id, r.resource, r.start_at, r.end_at, r.reason, r.phone, r.note,
        r.divert_to, r.rule, r.keyword, r.known_from, null as known_to
    from calendar c join referral r on r.calendar_id = c.id
    where c.person_id = $1 and r.end_at > $2 and r.start_at <= $2 and r.known_from <= $2
    union all
    select p.calendar_id, p.uid, p.recurrence_id, p.resource, p.start_at, p.end_at, p.reason, p.phone, '',
        p.divert_to, p.rule, p.keyword, p.known_from, p.known_to
    from referral_past p
    where p.person_id = $1 and p.over_at > $2 and p.start_at <= $2 and p.known_from <= $2
) as known;

-- name: passed_over_at
select json_group_array(json_array(p.calendar_id, p.uid, p.recurrence_id, p.resource, p.start_at, p.end_at, p.because,
    p.keyword))
from calendar c join passed_over p on p.calendar_id = c.id
where c.person_id = $1 and p.start_at <= $2 and p.end_at > $2 and p.known_from <= $2
    and (p.known_to is null or p.known_to > $2);

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
-- A change has ended when the next one of the same person began; the one that still holds stays. Here as below a cross
-- join is gone through in this order: what is old of each person, not all that there is of them.
delete from availability_change where id in (
    select old.id from person p cross join availability_change old
    where p.id > $2 and p.id <= $3 and old.person_id = p.id and old.at < $1 and exists (
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

-- name: forget_referrals_past
delete from referral_past where id in (
    select old.id from person p cross join referral_past old
    where p.id > $2 and p.id <= $3 and old.person_id = p.id and old.over_at < $1
);

-- name: forget_overrides_past
delete from override_past where id in (
    select old.id from person p cross join override_past old
    where p.id > $2 and p.id <= $3 and old.person_id = p.id and old.over_at < $1
);

-- name: forget_passed_over_past
delete from passed_over where (end_at < $1 or known_to < $1) and calendar_id in (
    select c.id from calendar c where c.person_id > $2 and c.person_id <= $3
);

-- name: forget_lamps_told
-- As a change: what was told has ended when the next was told. A lamp that was put out is over at once.
delete from lamp_told where id in (
    select old.id from person p cross join switchboard s cross join lamp_told old
    where p.id > $2 and p.id <= $3 and s.organisation_id = p.organisation_id
        and old.person_id = p.id and old.switchboard = s.name and old.at < $1 and (old.lamp = '' or exists (
            select 1 from lamp_told later
            where later.person_id = old.person_id and later.switchboard = old.switchboard
                and later.at > old.at and later.at < $1
        ))
);

-- name: forget_tokens
delete from token where expires_at < $1;

-- ------------------------------------------------------------------------------------------------------- told

-- name: told
select json_group_array(json_array(extension, lamp, plan, at)) from told where organisation_id = $1 and switchboard = $2;

-- name: extensions_told
select json_group_array(extension) from told where organisation_id = $1 and switchboard = $2;

-- name: told_extensions
select json_group_array(json_array(extension, lamp, plan, at)) from told
where organisation_id = $1 and switchboard = $2 and extension in {texts $3};

-- name: save_lamps_told
-- Only what differs from the one before, and of nobody who has got the extension since. SQLite goes through a cross join
-- in this order: for each row the one person whom an index finds.
insert into lamp_told (person_id, switchboard, at, lamp)
select p.id, $2, json_extract(said.value, '$[3]'), json_extract(said.value, '$[1]')
from {rows $3} as said
    left join told before on before.organisation_id = $1 and before.switchboard = $2
        and before.extension = json_extract(said.value, '$[0]')
    cross join person p
where coalesce(before.lamp, '') <> json_extract(said.value, '$[1]')
    and p.organisation_id = $1 and p.extension_key = json_extract(said.value, '$[4]')
    and json_extract(said.value, '$[3]') >= p.held_since
on conflict (person_id, switchboard, at) do update set lamp = excluded.lamp;

-- name: lamp_told
select p.extension, l.lamp, '', l.at
from person p join lamp_told l on l.person_id = p.id
where p.organisation_id = $1 and p.extension_key = $3 and l.switchboard = $2 and l.at <= $4
order by l.at desc limit 1;

-- name: save_told
insert into told (organisation_id, switchboard, extension, lamp, plan, at)
select $1, $2, json_extract(said.value, '$[0]'), json_extract(said.value, '$[1]'), json_extract(said.value, '$[2]'),
    json_extract(said.value, '$[3]')
from {rows $3} as said where true
on conflict (organisation_id, switchboard, extension) do update set lamp = excluded.lamp, plan = excluded.plan,
    at = excluded.at;

-- name: delete_told
delete from told where organisation_id = $1 and switchboard = $2 and extension in {texts $3};

-- name: kept
select key, value from switchboard_kept where organisation_id = $1 and switchboard = $2;

-- name: save_kept
insert into switchboard_kept (organisation_id, switchboard, key, value)
select $1, $2, json_extract(said.value, '$[0]'), json_extract(said.value, '$[1]')
from {rows $3} as said where true
on conflict (organisation_id, switchboard, key) do update set value = excluded.value;

-- name: delete_kept
delete from switchboard_kept where organisation_id = $1 and switchboard = $2 and key in {texts $3};

-- ------------------------------------------------------------------------------------------------------ tokens

-- name: tokens
select organisation_id, role, name, digest, created_at, created_by, person_id, expires_at, id from token order by id;

-- name: tokens_of
select organisation_id, role, name, digest, created_at, created_by, person_id, expires_at, id from token
where organisation_id = $1 order by id;

-- name: token
select organisation_id, role, name, digest, created_at, created_by, person_id, expires_at, id from token
where digest = $1;

-- name: insert_token
insert into token (organisation_id, role, name, digest, created_at, created_by, person_id, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8)
returning id;

-- name: remove_token
delete from token where organisation_id = $1 and id = $2;

-- ---------------------------------------------------------------------------------------------------- messages

-- name: messages
select person_id, left_at, text, caller, written_by, read_at, id, writer from message where person_id = $1 order by id;

-- name: messages_of
select person_id, left_at, text, caller, written_by, read_at, id, writer from message
where person_id = $1 and writer = $2 order by id;

-- name: insert_message
insert into message (person_id, left_at, text, caller, written_by, read_at, writer) values ($1, $2, $3, $4, $5, $6, $7)
returning id;

-- name: read_message
update message set read_at = $3 where id = $2 and person_id = $1;

-- name: remove_message
delete from message where id = $2 and person_id = $1;

-- name: forget_messages
delete from message where read_at < $1 or left_at < $2;

-- ---------------------------------------------------------------------------------------------------- accounts

-- name: accounts_of
select organisation_id, state, name, roles, person_id, user_name, password, issuer, subject, email, created_at, created_by,
    signed_in_at, id
from account where organisation_id = $1 order by id;

-- name: account
select organisation_id, state, name, roles, person_id, user_name, password, issuer, subject, email, created_at, created_by,
    signed_in_at, id
from account where id = $1;

-- name: account_of_user
select organisation_id, state, name, roles, person_id, user_name, password, issuer, subject, email, created_at, created_by,
    signed_in_at, id
from account where user_key = $1;

-- name: account_of_subject
select organisation_id, state, name, roles, person_id, user_name, password, issuer, subject, email, created_at, created_by,
    signed_in_at, id
from account where organisation_id = $1 and issuer = $2 and subject = $3 and issuer <> '';

-- name: insert_account
insert into account (organisation_id, state, name, roles, person_id, user_name, user_key, password, issuer, subject,
    email, created_at, created_by, signed_in_at)
select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14
where $5 is null or exists (select 1 from person p where p.id = $5 and p.organisation_id = $1)
returning id;

-- name: replace_account
update account set state = $2, name = $3, roles = $4, person_id = $5, user_name = $6, user_key = $7, password = $8,
    issuer = $9, subject = $10, email = $11, created_at = $12, created_by = $13, signed_in_at = $14
where id = $15 and organisation_id = $1
    and ($5 is null or exists (select 1 from person p where p.id = $5 and p.organisation_id = $1))
returning id;

-- name: remove_account
delete from account where organisation_id = $1 and id = $2;

-- name: save_session
insert into session (account_id, digest, created_at, seen_at, ends_at) values ($1, $2, $3, $4, $5) returning id;

-- name: session
select s.account_id, s.digest, s.created_at, s.seen_at, s.ends_at, s.id, a.organisation_id, a.state, a.name, a.roles,
    a.person_id, a.user_name, a.password, a.issuer, a.subject, a.email, a.created_at, a.created_by, a.signed_in_at, a.id
from session s join account a on a.id = s.account_id
where s.digest = $1;

-- name: see_session
update session set seen_at = $2 where digest = $1 and seen_at < $2;

-- name: remove_session
delete from session where digest = $1;

-- name: remove_sessions
delete from session where account_id = $1 and digest <> $2;

-- name: forget_sessions
delete from session where ends_at < $1;

-- name: forget_pending
delete from account where state = 'pending' and created_at < $1;

-- ------------------------------------------------------------------------------------------------------- audit

-- name: note_audit
insert into audit (organisation_id, at, who, through, what, about, details, sought)
values ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: search_audit
-- Of what was set by hand (source 1 and 2: set; 3: taken back) there is who, when and whom it is about, and no more.
select at, 0, id, organisation_id, who, through, what, about, details from audit
where organisation_id = $1 and at >= $2 and (at, 0, id) < ($3, $4, $5) and sought like $6 escape '\'
order by at desc, id desc limit $7;

-- name: search_audit_of_nobody
select at, 0, id, '', who, through, what, about, details from audit
where organisation_id is null and at >= $2 and (at, 0, id) < ($3, $4, $5) and sought like $6 escape '\'
    and $1 = ''
order by at desc, id desc limit $7;

-- name: search_overrides
select o.start_at, 1, o.person_id, p.organisation_id, o.set_by, o.through,
    case when o.reason is null then 'override.available' else 'override.set' end, p.name, json_object('person', p.id)
from person p cross join override o on o.person_id = p.id
where p.organisation_id = $1 and o.start_at >= $2 and (o.start_at, 1, o.person_id) < ($3, $4, $5)
    and (p.name_key like $6 escape '\' or p.extension_key like $6 escape '\' or o.set_by like $6 escape '\'
        or o.through like $6 escape '\' or 'override.set' like $6 escape '\')
order by o.start_at desc, o.person_id desc limit $7;

-- name: search_overrides_past
select old.start_at, 2, old.id, p.organisation_id, old.set_by, old.through,
    case when old.reason is null then 'override.available' else 'override.set' end, p.name, json_object('person', p.id)
from person p cross join override_past old on old.person_id = p.id
where p.organisation_id = $1 and old.start_at >= $2 and (old.start_at, 2, old.id) < ($3, $4, $5)
    and (p.name_key like $6 escape '\' or p.extension_key like $6 escape '\' or old.set_by like $6 escape '\'
        or old.through like $6 escape '\' or 'override.set' like $6 escape '\')
order by old.start_at desc, old.id desc limit $7;

-- name: search_overrides_removed
-- Whatever was replaced by another one was set then: that says it.
select old.replaced_at, 3, old.id, p.organisation_id, old.replaced_by, old.replaced_through, 'override.removed', p.name,
    json_object('person', p.id)
from person p cross join override_past old on old.person_id = p.id
where p.organisation_id = $1 and old.replaced_at >= $2 and (old.replaced_at, 3, old.id) < ($3, $4, $5)
    and not exists (select 1 from override o where o.person_id = p.id and o.start_at = old.replaced_at)
    and not exists (
        select 1 from override_past later where later.person_id = p.id and later.start_at = old.replaced_at
            and later.id <> old.id
    )
    and (p.name_key like $6 escape '\' or p.extension_key like $6 escape '\' or old.replaced_by like $6 escape '\'
        or old.replaced_through like $6 escape '\' or 'override.removed' like $6 escape '\')
order by old.replaced_at desc, old.id desc limit $7;

-- name: forget_audit
delete from audit where at < $1;
