-- A person's connection to GitHub, and how each sync of theirs goes.
-- by: codegram-worker

-- signed_in: when its token came; whoever acts for an older one must not.
-- name: github_connection(person uuid) :one=github_connection
select c.github_id, c.login, encode(c.token, 'hex') as token, c.state,
  u.deleted_at is null and u.suspended_at is null as is_active,
  coalesce(to_micros(c.checked_at), 0) as signed_in, c.waits,
  coalesce(c.budget_limit, -1) as budget_limit, coalesce(c.budget_remaining, -1) as budget_remaining,
  coalesce(to_seconds(c.budget_reset), -1) as budget_reset,
  coalesce((extract(epoch from c.not_before) * 1000)::bigint, 0) as not_before_ms
from github_connections c join users u on u.id = c.user_id
where c.user_id = :person;

-- False: the person signed in anew meanwhile.
-- name: github_stop(person uuid, signed_in int, reason text) :one=github_stopped
select stop_github(:person, :signed_in, :reason) as stopped;

-- After the grant was taken back there is no token any more.
-- name: github_forget(person uuid, signed_in int) :none
update github_connections set token = null, updated_at = now()
where user_id = :person and state = 'disconnected' and coalesce(to_micros(checked_at), 0) = :signed_in;

-- name: github_kept(person uuid, url text) :many=github_kept_row
select etag, last_modified, next_url from github_pages where user_id = :person and url = :url;

-- name: github_keep(person uuid, url text, etag text, last_modified text, next_url text) :none
insert into github_pages (user_id, url, etag, last_modified, next_url)
values (:person, :url, :etag, :last_modified, :next_url)
on conflict (user_id, url) do update set etag = excluded.etag,
  last_modified = excluded.last_modified, next_url = excluded.next_url;

-- name: sync_begin(person uuid, kind text, job_id text, run uuid) :one=sync_place
select run_id, turn, next_url, pages from begin_sync(:person, :kind, :job_id, :run);

-- kind: null for what keeps no record. counts, budget: JSON objects.
-- name: sync_step(person uuid, kind text, turn int, signed_in int, next_url text, percent int, counts text, budget text) :one=sync_word
select step_sync(:person, :kind, :turn, :signed_in, :next_url, :percent, :counts::jsonb, :budget::jsonb) as word;

-- stumbled: it brought nothing.
-- name: sync_wait(person uuid, kind text, turn int, until_ms int, why text, stumbled bool) :none
update github_syncs set state = 'waiting', not_before = to_timestamp(:until_ms / 1000.0), error = :why,
  stumbles = stumbles + case when :stumbled then 1 else 0 end, touched_at = now()
where user_id = :person and kind = :kind and turn = :turn;

-- name: sync_stumbles(person uuid, kind text) :one=repository_seen
select coalesce(max(stumbles), 0) as count from github_syncs where user_id = :person and kind = :kind;

-- name: sync_end(person uuid, kind text, turn int) :none
update github_syncs set state = 'idle', run_id = null, next_url = null, not_before = null,
  error = null, percent = 100, finished_at = now(), touched_at = now(), stumbles = 0,
  result = jsonb_build_object('created', created, 'updated', updated, 'deleted', deleted,
    'unchanged', unchanged, 'failed', failed, 'requests', requests, 'not_modified', not_modified)
where user_id = :person and kind = :kind and turn = :turn;

-- turn: -1 for whoever has it.
-- name: sync_fail(person uuid, kind text, turn int, why text) :none
update github_syncs set state = 'failed', run_id = null, next_url = null, not_before = null,
  error = :why, finished_at = now(), touched_at = now(), turn = turn + 1
where user_id = :person and kind = :kind and (:turn < 0 or turn = :turn);

-- Trouble of our own: the queue tries again, from where it stopped.
-- name: sync_trip(person uuid, kind text, why text) :none
update github_syncs set state = 'waiting', error = :why, touched_at = now()
where user_id = :person and kind = :kind and state = 'running';

-- Those whose jobs were killed.
-- name: sync_sweep() :none
update github_syncs s set state = 'failed', run_id = null, next_url = null, not_before = null,
  error = 'It ended without a word', finished_at = now(), turn = turn + 1
where s.state not in ('idle', 'failed') and s.touched_at < now() - interval '15 minutes'
  and sync_state_of(s) = 'failed';

-- name: github_profile(person uuid, profile text) :none
with renamed as (
  update github_connections set login = :profile::jsonb->>'login'
  where user_id = :person and login <> :profile::jsonb->>'login'
)
select take_github_profile(:person, :profile::jsonb);

-- What the connection's person sees of all this. The nightly jobs come at the same minute for a
-- person, as plan_sync makes them.
-- name: github_state(person uuid) :json
-- by: codegram-api
with sync as (
  select s.*, sync_state_of(s) as now_state from github_syncs s where s.user_id = :person
), whole as (
  select bool_or(now_state = 'running') as runs, bool_or(now_state = 'waiting') as waits,
    bool_or(now_state = 'queued') as queued, bool_or(now_state = 'failed') as failed,
    avg(case when now_state = 'queued' then 0 when now_state in ('running', 'waiting') then percent
      else 100 end)::int as percent,
    max(finished_at) as last_run, max(not_before) filter (where now_state = 'waiting') as not_before,
    coalesce(sum(requests), 0)::bigint as requests, coalesce(sum(not_modified), 0)::bigint as not_modified
  from sync
), person as (
  select u.id, c.user_id is not null as known, coalesce(c.state = 'connected', false) as connected,
    c.login, c.scopes, c.reason, c.budget_limit, c.budget_remaining, c.budget_reset, c.not_before,
    interval '2 hours' + ((hashtextextended(u.id::text, 0) & 2147483647) % 3600000) * interval '1 ms' as at
  from users u left join github_connections c on c.user_id = u.id where u.id = active_user(:person)
), verdict as (
  select case when not p.connected then 'disconnected' when w.runs then 'running'
    when w.waits then 'waiting' when w.queued then 'queued' when w.failed then 'failed'
    else 'idle' end as state from person p, whole w
)
select p.connected, p.login, p.scopes, v.state,
  case when v.state in ('running', 'waiting', 'queued') then w.percent end as progress,
  p.reason,
  case v.state when 'disconnected' then 'Sign in with GitHub again: GET /api/v1/auth/github'
    when 'waiting' then 'Nothing: it goes on by itself at ' ||
      coalesce(json_time(w.not_before), 'the next try')
    when 'failed' then 'Start it again: POST /api/v1/github/sync' end as what_to_do,
  json_time(w.last_run) as last_run,
  case when p.connected then json_time((date_trunc('day', (now() at time zone 'UTC') - p.at)
    + interval '1 day' + p.at) at time zone 'UTC') end as next_run,
  w.requests, w.not_modified,
  (select s.result from sync s where s.kind = 'repositories') as result,
  case when p.known then jsonb_build_object('limit', p.budget_limit,
    'remaining', case when p.budget_reset <= now() then p.budget_limit else p.budget_remaining end,
    'reset_at', json_time(p.budget_reset),
    'not_before', json_time(case when p.not_before > now() then p.not_before end)) end as budget,
  coalesce((select jsonb_agg(jsonb_build_object('kind', s.kind, 'state', s.now_state, 'job_id', s.job_id,
      'progress', case when s.now_state = 'queued' then 0 else s.percent end, 'started_at', json_time(s.started_at), 'finished_at', json_time(s.finished_at),
      'not_before', json_time(s.not_before), 'requests', s.requests, 'not_modified', s.not_modified,
      'so_far', jsonb_build_object('created', s.created, 'updated', s.updated, 'deleted', s.deleted,
        'unchanged', s.unchanged, 'failed', s.failed), 'result', s.result,
      'error', case when s.now_state <> s.state then 'It ended without a word' else s.error end)
      order by s.kind) from sync s), '[]') as syncs,
  coalesce((select jsonb_object_agg(o.sync_state, o.n) from (select r.sync_state, count(*) as n
    from repositories r where r.user_id = p.id group by 1) o), '{}') as outcomes,
  coalesce((select jsonb_agg(jsonb_build_object('github_id', t.github_id, 'full_name', t.full_name,
      'outcome', t.sync_state, 'note', t.sync_note)) from (select r.* from repositories r
    where r.user_id = p.id and r.sync_state in ('blocked', 'forbidden', 'gone', 'renamed')
    order by r.id limit 100) t), '[]') as noteworthy
from person p, whole w, verdict v;

-- name: github_ask(person uuid, kind text, job_id text) :one=github_asked
-- by: codegram-api
select ask_sync(active_user(:person), :kind, :job_id) as job_id;

-- name: github_connected(person uuid) :one=github_connected
-- by: codegram-api
select exists (select from github_connections where user_id = active_user(:person)
  and state = 'connected') as connected;

-- name: github_disconnect(person uuid, job_id text) :one=github_left
-- by: codegram-api
select leave_github(active_user(:person), :job_id) as had_token;

-- name: github_delivery(id text, event text, action text, owner int, sender int, repository int) :one=github_delivered
-- by: codegram-api
select take_delivery(:id, :event, :action, :owner, :sender, :repository) as is_new;
