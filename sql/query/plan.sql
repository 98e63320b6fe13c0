-- Whose GitHub is to be read again.
-- by: codegram-worker

-- Three jobs for each person with GitHub (`everybody`, or those seen within 30 days), spread over
-- an hour by a hash of the id, so that each person's come at the same minute every night. One
-- person's run one after the other, and are not added while the last ones are unfinished.
-- name: plan_sync(everybody bool) :one=planned
with person as (
  select id, (hashtextextended(id::text, 0) & 2147483647) % 3600000 as at from users
  where github_id is not null and deleted_at is null and suspended_at is null
    and (:everybody or last_seen_at > now() - interval '30 days')
    and not exists (select from github_connections c where c.user_id = users.id and c.state = 'disconnected')
), job as (
  insert into outbox (kind, target, name, data, opts)
  select 'job', 'github-sync', part.name, jsonb_build_object('user_id', p.id),
    jsonb_build_object('delay', p.at + part.nth, 'priority', 'low', 'owner', p.id,
      'unique', 'plan:' || part.kind || ':' || p.id,
      'concurrency', jsonb_build_object('key', 'github:' || p.id, 'limit', 1))
  from person p, (values (0, 'sync-profile', 'profile'), (1, 'sync-repositories', 'repositories'),
    (2, 'sync-contributions', 'contributions'))
    part(nth, name, kind)
  order by p.at, p.id, part.nth
)
select count(*) as people from person;
