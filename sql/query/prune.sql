-- What is of no use to anybody any more, some at a time.
-- by: codegram-worker

-- A job that comes again comes within days.
-- name: prune_done(limit int) :one=pruned
with gone as (
  delete from job_done where job_id in (select job_id from job_done
    where created_at < now() - interval '30 days' order by created_at limit :limit)
  returning 1
)
select count(*) as rows from gone;

-- name: prune_sessions(limit int) :one=pruned
with gone as (
  delete from sessions where id in (select id from sessions
    where expires_at < now() - interval '30 days' order by expires_at limit :limit)
  returning 1
)
select count(*) as rows from gone;

-- The latest slot of each schedule stays: from there it goes on.
-- name: prune_slots(limit int) :one=pruned
with gone as (
  delete from cron_slot where (name, slot) in (select c.name, c.slot from cron_slot c
    where c.slot < now() - interval '400 days'
      and c.slot < (select max(l.slot) from cron_slot l where l.name = c.name)
    limit :limit)
  returning 1
)
select count(*) as rows from gone;

-- Those that are over stay for a while, for whoever asks what was used when.
-- name: prune_access_tokens(limit int) :one=pruned
with gone as (
  delete from access_tokens where id in (select id from access_tokens
    where least(expires_at, revoked_at) < now() - interval '30 days'
    order by least(expires_at, revoked_at) limit :limit)
  returning 1
)
select count(*) as rows from gone;
