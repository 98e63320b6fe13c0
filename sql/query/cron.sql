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

-- The latest slot of each, for people: codegramctl schedules, /ready, /admin/schedules.
-- name: cron_states(names text[]) :many=cron_state
-- by: codegram-api
select n.name, extract(epoch from s.slot)::bigint as slot, s.state
from unnest(:names) n(name)
cross join lateral (select slot, state from cron_slot c where c.name = n.name
  order by slot desc limit 1) s;

-- A schedule's job by hand, under an id that its caller can look for.
-- name: cron_run(target text, job text, data text, id text) :none
-- by: codegram-api
insert into outbox (kind, target, name, data, opts)
values ('job', :target, :job, :data::jsonb, jsonb_build_object('jobId', :id));

-- Keeps the latest of each schedule, so that it knows from where to go on.
-- name: cron_prune(name text, now int) :none
delete from cron_slot where name = :name and slot < to_timestamp(:now) - interval '400 days'
  and slot < (select max(slot) from cron_slot where name = :name);
