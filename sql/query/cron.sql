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

-- Of a schedule that was never seen: the slots up to this one are none of its.
-- name: cron_begin(name text, slot int) :none
insert into cron_slot (name, slot, state) values (:name, to_timestamp(:slot), 'begun')
on conflict do nothing;

-- What a clock that was ahead has settled is judged anew when its time has come: by this
-- scheduler's clock and by the database's, so that one that is behind undoes nothing. A minute is
-- left to clocks that are not quite the same: what another one has just fired must not fire twice.
-- name: cron_forget(name text, now int) :one=pruned
with gone as (
  delete from cron_slot where name = :name and slot > greatest(to_timestamp(:now), now())
    + case state when 'fired' then interval '1 minute' else interval '0' end
  returning 1
)
select count(*) as rows from gone;

-- The latest settled slot up to a time; 0: none.
-- name: cron_last(name text, now int) :one=cron_last
select coalesce(extract(epoch from max(slot)), 0)::bigint as slot
from cron_slot where name = :name and slot <= to_timestamp(:now);

-- The latest slot of each that is not still to come, and the latest run by hand, for people:
-- codegramctl schedules, /ready, /admin/schedules. 0: there is none.
-- name: cron_states(names text[]) :many=cron_state
-- by: codegram-api
select n.name, coalesce(extract(epoch from s.slot), 0)::bigint as slot, s.state,
  coalesce(to_seconds((select max(created_at) from cron_run r where r.name = n.name)), 0) as run
from unnest(:names) n(name)
left join lateral (select slot, state from cron_slot c where c.name = n.name and c.slot <= now()
  order by slot desc limit 1) s on true;

-- A schedule's job by hand, under an id that its caller can look for.
-- name: cron_run(name text, target text, job text, data text, id text) :none
-- by: codegram-api
with run as (
  insert into cron_run (job_id, name) values (:id, :name)
)
insert into outbox (kind, target, name, data, opts)
values ('job', :target, :job, :data::jsonb, jsonb_build_object('jobId', :id));

-- Keeps the latest of each schedule, so that it knows from where to go on.
-- name: cron_prune(name text, now int) :none
with runs as (
  delete from cron_run where name = :name and created_at < to_timestamp(:now) - interval '400 days'
)
delete from cron_slot where name = :name and slot < to_timestamp(:now) - interval '400 days'
  and slot < (select max(slot) from cron_slot where name = :name);
