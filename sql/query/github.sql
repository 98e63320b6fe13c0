-- A person's connection to GitHub, and how each sync of theirs goes.
-- by: codegram-worker

-- name: github_connection(person uuid) :one=github_connection
select c.github_id, c.login, encode(c.token, 'hex') as token, c.state,
  coalesce(c.budget_limit, -1) as budget_limit, coalesce(c.budget_remaining, -1) as budget_remaining,
  coalesce(to_seconds(c.budget_reset), -1) as budget_reset,
  coalesce((extract(epoch from c.not_before) * 1000)::bigint, 0) as not_before_ms
from github_connections c join users u on u.id = c.user_id
where c.user_id = :person and u.deleted_at is null and u.suspended_at is null;

-- What the answers said of the token's budget; -1: nothing.
-- name: github_budget(person uuid, most int, remaining int, reset int, not_before_ms int) :none
update github_connections set budget_limit = nullif(:most, -1),
  budget_remaining = nullif(:remaining, -1),
  budget_reset = to_timestamp(nullif(:reset, -1)),
  not_before = case when :not_before_ms > 0 then to_timestamp(:not_before_ms / 1000.0) end
where user_id = :person;

-- name: github_stop(person uuid, reason text) :none
select disconnect_github(:person, :reason);

-- After the grant was taken back there is no token any more.
-- name: github_forget(person uuid) :none
update github_connections set token = null, updated_at = now()
where user_id = :person and state = 'disconnected';

-- name: github_kept(person uuid, url text) :many=github_kept_row
select etag, last_modified, next_url from github_pages where user_id = :person and url = :url;

-- name: github_keep(person uuid, url text, etag text, last_modified text, next_url text) :none
insert into github_pages (user_id, url, etag, last_modified, next_url)
values (:person, :url, :etag, :last_modified, :next_url)
on conflict (user_id, url) do update set etag = excluded.etag,
  last_modified = excluded.last_modified, next_url = excluded.next_url;

-- Begins a pass, or goes on with one that was cut off.
-- name: sync_begin(person uuid, kind text, job_id text, run uuid) :one=sync_place
insert into github_syncs as s (user_id, kind, state, job_id, run_id, started_at)
values (:person, :kind, 'running', :job_id, :run, now())
on conflict (user_id, kind) do update set state = 'running', job_id = excluded.job_id,
  not_before = null, error = null,
  run_id = coalesce(s.run_id, excluded.run_id),
  next_url = case when s.run_id is not null then s.next_url end,
  started_at = case when s.run_id is not null then s.started_at else now() end,
  finished_at = case when s.run_id is null then null else s.finished_at end,
  percent = case when s.run_id is not null then s.percent else 0 end,
  requests = case when s.run_id is not null then s.requests else 0 end,
  not_modified = case when s.run_id is not null then s.not_modified else 0 end,
  created = case when s.run_id is not null then s.created else 0 end,
  updated = case when s.run_id is not null then s.updated else 0 end,
  deleted = case when s.run_id is not null then s.deleted else 0 end,
  unchanged = case when s.run_id is not null then s.unchanged else 0 end,
  failed = case when s.run_id is not null then s.failed else 0 end
returning run_id, next_url;

-- A step that is done, with what it came to.
-- name: sync_step(person uuid, kind text, next_url text, percent int, requests int, not_modified int, created int, updated int, unchanged int, failed int) :none
update github_syncs set next_url = :next_url, percent = :percent, requests = requests + :requests,
  not_modified = not_modified + :not_modified, created = created + :created,
  updated = updated + :updated, unchanged = unchanged + :unchanged, failed = failed + :failed
where user_id = :person and kind = :kind;

-- name: sync_wait(person uuid, kind text, until_ms int, why text) :none
update github_syncs set state = 'waiting', not_before = to_timestamp(:until_ms / 1000.0), error = :why
where user_id = :person and kind = :kind;

-- name: sync_end(person uuid, kind text, deleted int) :none
update github_syncs set state = 'idle', run_id = null, next_url = null, not_before = null,
  error = null, percent = 100, finished_at = now(), deleted = deleted + :deleted
where user_id = :person and kind = :kind;

-- name: sync_fail(person uuid, kind text, why text) :none
update github_syncs set state = 'failed', run_id = null, next_url = null, not_before = null,
  error = :why, finished_at = now()
where user_id = :person and kind = :kind;

-- True when anything was changed by it.
-- name: github_profile(person uuid, profile text) :none
select take_github_profile(:person, :profile::jsonb);

-- What the connection's person sees of all this.
-- name: github_state(person uuid) :json
-- by: codegram-api
select coalesce(c.state = 'connected', false) as connected, c.login, c.scopes,
  case when c.user_id is null then 'disconnected' when c.state <> 'connected' then 'disconnected'
    when exists (select from github_syncs s where s.user_id = u.id and s.state = 'running') then 'running'
    when exists (select from github_syncs s where s.user_id = u.id and s.state = 'waiting') then 'waiting'
    when exists (select from github_syncs s where s.user_id = u.id and s.state = 'queued') then 'queued'
    else 'idle' end as state,
  c.reason,
  case when c.user_id is null or c.state <> 'connected'
    then 'Sign in with GitHub again: GET /api/v1/auth/github' end as what_to_do,
  case when c.user_id is not null then jsonb_build_object('limit', c.budget_limit,
    'remaining', c.budget_remaining, 'reset_at', json_time(c.budget_reset),
    'not_before', json_time(case when c.not_before > now() then c.not_before end)) end as budget,
  json_time((date_trunc('day', now() at time zone 'UTC') + interval '2 hours' +
    case when (now() at time zone 'UTC')::time >= time '02:00' then interval '1 day' else interval '0' end)
    at time zone 'UTC') as next_run,
  coalesce((select jsonb_agg(jsonb_build_object('kind', s.kind, 'state', s.state, 'job_id', s.job_id,
      'progress', s.percent, 'started_at', json_time(s.started_at), 'finished_at', json_time(s.finished_at),
      'not_before', json_time(s.not_before), 'requests', s.requests, 'not_modified', s.not_modified,
      'result', jsonb_build_object('created', s.created, 'updated', s.updated, 'deleted', s.deleted,
        'unchanged', s.unchanged, 'failed', s.failed), 'error', s.error) order by s.kind)
    from github_syncs s where s.user_id = u.id), '[]') as syncs,
  coalesce((select jsonb_object_agg(o.sync_state, o.n) from (select r.sync_state, count(*) as n
    from repositories r where r.user_id = u.id group by 1) o), '{}') as outcomes,
  coalesce((select jsonb_agg(jsonb_build_object('github_id', t.github_id, 'full_name', t.full_name,
      'outcome', t.sync_state, 'note', t.sync_note)) from (select r.* from repositories r
    where r.user_id = u.id and r.sync_state in ('blocked', 'forbidden', 'gone', 'renamed')
    order by r.id limit 100) t), '[]') as noteworthy
from users u left join github_connections c on c.user_id = u.id
where u.id = active_user(:person);

-- name: github_ask(person uuid, kind text, job_id text) :one=github_asked
-- by: codegram-api
select ask_sync(active_user(:person), :kind, :job_id) as job_id;

-- name: github_connected(person uuid) :one=github_connected
-- by: codegram-api
select exists (select from github_connections where user_id = active_user(:person)
  and state = 'connected') as connected;

-- The person's own wish; the grant is taken back by a job, which has the network.
-- name: github_disconnect(person uuid, job_id text) :none
-- by: codegram-api
-- else: NOT_FOUND
with stopped as (
  update github_connections set state = 'disconnected', reason = 'You disconnected it.',
    told_at = now(), updated_at = now()
  where user_id = active_user(:person) and token is not null returning user_id
)
insert into outbox (kind, target, name, data, opts)
select 'job', 'github-sync', 'github-disconnect', jsonb_build_object('user_id', s.user_id),
  jsonb_build_object('jobId', :job_id::text, 'owner', s.user_id, 'unique', 'disconnect:' || s.user_id,
    'concurrency', jsonb_build_object('key', 'github:' || s.user_id, 'limit', 1))
from stopped s;

-- name: github_delivery(id text, event text, action text, owner int, sender int, repository int) :one=github_delivered
-- by: codegram-api
select take_delivery(:id, :event, :action, :owner, :sender, :repository) as is_new;
