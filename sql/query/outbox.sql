-- What must reach Redis, as src/queue/mover.c moves it.
-- by: codegram-scheduler

-- Whether this session is the one that moves. It lasts as long as the session, so a session
-- that falls silent (a frozen scheduler) is ended by the server; and what Redis is told must
-- not be undone by a crash of PostgreSQL, so its commits wait for the disk.
-- name: outbox_lock() :one=outbox_lock
select case when coalesce(current_setting('codegram.moves', true), '') = 'yes' then true
  when pg_try_advisory_lock(7166402)
  then set_config('codegram.moves', 'yes', false) = 'yes'
    and set_config('idle_session_timeout', '10s', false) <> ''
    and set_config('synchronous_commit', 'on', false) <> ''
  else false end as held;

-- Each target with rows that have no batch yet. Hops from target to target along the index,
-- however many rows wait.
-- name: outbox_waiting() :many=outbox_waiting
with recursive hop as (
  (select target from outbox where batch is null order by target limit 1)
  union all
  select (select o.target from outbox o where o.batch is null and o.target > hop.target
    order by o.target limit 1)
  from hop where hop.target is not null
)
select target from hop where target is not null;

-- What has not arrived: rows without a batch, of which at most 100,000 are counted, and those of
-- batches that Redis is not known to have taken. The first row of each target is its oldest.
-- name: outbox_count() :one=outbox_count
with recursive hop as (
  (select target, created_at from outbox where batch is null order by target, id limit 1)
  union all
  select n.target, n.created_at from hop cross join lateral (
    select o.target, o.created_at from outbox o where o.batch is null and o.target > hop.target
    order by o.target, o.id limit 1) n
), fresh as (
  select from outbox where batch is null limit 100000
), stamped as (
  select o.created_at from outbox_target t cross join lateral (
    select coalesce((select s.batch from outbox s where s.target = t.target
      and s.batch is not null and s.sent_at is not null order by s.batch desc limit 1), 0) as sent) l
  join outbox o on o.target = t.target and o.batch is not null and o.batch > l.sent
)
select (select count(*) from fresh) + (select count(*) from stamped) as count,
  coalesce(extract(epoch from now() - least((select min(created_at) from hop),
    (select min(created_at) from stamped))) * 1000, 0)::bigint as oldest_ms;

-- Gives the first rows that wait the target's next number: at most 500, and no more than
-- 4 MiB unless one row alone is bigger. No rows: no number is used up.
-- name: outbox_stamp(target text) :many=outbox_row
with first as (
  select id, octet_length(data::text) as bytes from outbox
  where target = :target and batch is null order by id limit 500 for update
), due as (
  select id from (select id, sum(bytes) over (order by id) as total,
    row_number() over (order by id) as nth from first) f
  where total <= 4194304 or nth = 1
), number as (
  insert into outbox_target (target, batch) select :target, 1 where exists (select from due)
  on conflict (target) do update set batch = outbox_target.batch + 1
  returning batch, generation
), stamped as (
  update outbox o set batch = n.batch from due d, number n where o.id = d.id
  returning o.id, o.kind, o.name, o.room, o.data::text as data, o.opts::text as opts,
    n.batch, n.generation
)
select id, kind, name, room, data, opts, batch, generation from stamped order by id;

-- A batch once more, as it was sent or should have been.
-- name: outbox_batch(target text, batch int) :many=outbox_row
select o.id, o.kind, o.name, o.room, o.data::text as data, o.opts::text as opts, o.batch,
  t.generation
from outbox o join outbox_target t on t.target = o.target
where o.target = :target and o.batch = :batch order by o.id;

-- name: outbox_sent(target text, first int, last int) :none
update outbox set sent_at = now()
where target = :target and batch between :first and :last and sent_at is null;

-- The last number given out, the first batch that is still kept, and the last known to have
-- arrived; 0: none. Batches arrive in order, so those behind it are few.
-- name: outbox_targets() :many=outbox_target
select t.target, t.generation, t.batch as last,
  coalesce((select min(o.batch) from outbox o where o.target = t.target
    and o.batch is not null), 0) as kept,
  coalesce((select o.batch from outbox o where o.target = t.target and o.batch is not null
    and o.sent_at is not null order by o.batch desc limit 1), 0) as sent
from outbox_target t order by t.target;

-- The next batch above that has rows; 0: none.
-- name: outbox_next(target text, batch int) :one=outbox_next
select coalesce(min(batch), 0) as batch from outbox where target = :target and batch > :batch;

-- Redis knows batches that this database never gave out: it was restored, so its numbers mean
-- something else from now on.
-- name: outbox_renew(target text) :one=outbox_generation
update outbox_target set generation = gen_random_uuid() where target = :target
returning generation;

-- Some of what arrived more than an hour ago and up to that batch, which Redis has on disk.
-- name: outbox_prune(target text, batch int) :none
delete from outbox where id in (
  select id from outbox where target = :target and batch <= :batch
    and coalesce(sent_at, created_at + interval '1 day') < now() - interval '1 hour'
  order by batch limit 5000);
