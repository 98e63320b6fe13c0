-- Which slots of the schedules are settled. Slots are seconds since 1970.
-- by: codegram-scheduler

-- The one whose row comes in adds the job, in the same statement: any number of schedulers,
-- never twice, and never a slot without its job.
-- name: cron_fire(name text, slot int, target text, job text, data text) :many=cron_fired
with slot as (
  insert into cron_slot (name, slot, state) values (:name, to_timestamp(:slot), 'fired')
  on conflict do nothing returning 1
), job as (
  insert into outbox (kind, target, name, data)
  select 'job', :target, :job, :data::jsonb from slot returning id
)
select id from job;

-- name: cron_skip(name text, slot int) :none
insert into cron_slot (name, slot, state) values (:name, to_timestamp(:slot), 'skipped')
on conflict do nothing;

-- The latest settled slot up to a time; 0: none.
-- name: cron_last(name text, now int) :one=cron_last
select coalesce(extract(epoch from max(slot)), 0)::bigint as slot
from cron_slot where name = :name and slot <= to_timestamp(:now);

-- For codegramctl schedules.
-- name: cron_state(name text) :one=cron_state
-- by: codegram-ctl
select extract(epoch from slot)::bigint as slot, state,
  extract(epoch from created_at)::bigint as at
from cron_slot where name = :name order by slot desc limit 1;

-- Keeps the latest of each schedule, so that it knows from where to go on.
-- name: cron_prune(name text, now int) :none
delete from cron_slot where name = :name and slot < to_timestamp(:now) - interval '400 days'
  and slot < (select max(slot) from cron_slot where name = :name);
