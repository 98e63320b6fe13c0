-- What GitHub knows of a person, kept in step by jobs: repositories, languages, contributions;
-- how each sync went; and what lets the next one ask little.

-- What was kept of GitHub's answer to this person's token at this URL, for a conditional
-- request. A token's validators are worth nothing to another token.
create table github_pages (
  user_id uuid not null references users on delete cascade,
  url text not null,
  etag text,
  last_modified text,
  next_url text,
  primary key (user_id, url)
);

-- waits: secondary limits in a row, which double the next wait.
alter table github_connections add column waits bigint not null default 0;

create function github_pages_forget() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  delete from github_pages where user_id = new.user_id;
  return null;
end
$$;
-- A sign-in checks the connection; re-sealing the token does not.
create trigger github_pages_forget after update of token on github_connections
  for each row when (old.checked_at is distinct from new.checked_at)
  execute function github_pages_forget();

-- page_url: where it was listed last. run_id: the pass that saw it last; misses: how often in a
-- row it was looked for and not found. asked_run: the pass that asked for it by itself, and needs
-- not again. languages_of: the push whose languages these are.
create table repositories (
  id uuid primary key,
  user_id uuid not null references users on delete cascade,
  github_id bigint not null,
  name text not null,
  full_name text not null,
  description text,
  html_url text not null,
  homepage text,
  language text,
  languages jsonb not null default '{}',
  topics text[] not null default '{}',
  stars_count bigint not null default 0,
  forks_count bigint not null default 0,
  is_fork boolean not null default false,
  is_archived boolean not null default false,
  pushed_at timestamptz,
  languages_of timestamptz,
  page_url text,
  run_id uuid,
  asked_run uuid,
  misses int not null default 0,
  sync_state text not null default 'synced' check (sync_state in ('synced', 'unchanged',
    'renamed', 'blocked', 'gone', 'forbidden')),
  sync_note text,
  synced_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  constraint repositories_github_key unique (user_id, github_id)
);
create index repositories_pushed on repositories (user_id, coalesce(pushed_at, timestamptz 'epoch') desc, id desc);
create index repositories_stars on repositories (user_id, stars_count desc, id desc);
create index repositories_listed on repositories (user_id, page_url);
create index repositories_github_id on repositories (github_id);

-- One row for each kind of sync of a person: the pass that is under way, or the last one.
-- turn: only the run that began last may write; stumbles: waits in a row that brought nothing.
create table github_syncs (
  user_id uuid not null references users on delete cascade,
  kind text not null check (kind in ('profile', 'repositories', 'contributions')),
  state text not null default 'idle' check (state in ('idle', 'queued', 'running', 'waiting', 'failed')),
  job_id text,
  run_id uuid,                         -- of the pass; null: none is under way
  turn bigint not null default 0,
  next_url text,                       -- where to go on
  pages bigint not null default 0,
  stumbles bigint not null default 0,
  asked_at timestamptz,
  started_at timestamptz,
  touched_at timestamptz,              -- by its job
  finished_at timestamptz,             -- the last pass
  not_before timestamptz,
  percent int not null default 0,
  requests bigint not null default 0,
  not_modified bigint not null default 0,
  created bigint not null default 0,
  updated bigint not null default 0,
  deleted bigint not null default 0,
  unchanged bigint not null default 0,
  failed bigint not null default 0,
  result jsonb,                        -- of the last pass that came to its end
  error text,
  primary key (user_id, kind)
);
create index github_syncs_unfinished on github_syncs (touched_at) where state not in ('idle', 'failed');

-- A quarter of a calendar: contributions of each day, the first of the quarter first.
create table github_contributions (
  user_id uuid not null references users on delete cascade,
  quarter date not null,
  days int[] not null,
  is_stale boolean not null default false,
  run_id uuid,                         -- the pass that asked for it last
  synced_at timestamptz not null default now(),
  primary key (user_id, quarter)
);

create table github_deliveries (
  id text primary key,
  event text not null,
  received_at timestamptz not null default now()
);
create index github_deliveries_oldest on github_deliveries (received_at);

-- Null for what is no time, or none in which GitHub can have been.
create function time_or_null(words text) returns timestamptz
language plpgsql stable parallel safe as $$
begin
  if words !~ '^[12][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,15}(Z|[+-][0-9:]{2,5})$' then
    return null;
  end if;
  return case when words::timestamptz between '1970-01-01Z' and now() + interval '1 day'
    then words::timestamptz end;
exception when others then
  return null;
end
$$;

create function url_or_null(words text, longest int) returns text
language sql immutable parallel safe as $$
  select case when $1 ~ '^https?://[^[:space:][:cntrl:]]+$' and length($1) <= $2 then $1 end
$$;

create function run_of(person uuid) returns uuid
language sql stable as $$
  select s.run_id from github_syncs s where s.user_id = $1 and s.kind = 'repositories'
$$;

-- A page of a person's repositories, as GitHub has them now. What has no name that can stand in
-- a path is left out.
create function take_repositories(person uuid, page text, list jsonb)
returns table (created bigint, updated bigint, renamed bigint, unchanged bigint)
language sql security definer set search_path = public, pg_temp as $$
  with run as materialized (select run_of(person) as id), listed as (
    select distinct on (r.id) r.id, r.name, r.full_name,
      clean_line(r.description, 1000) as description, r.html_url,
      url_or_null(r.homepage, 500) as homepage, clean_line(r.language, 100) as language,
      array(select left(t, 50) from jsonb_array_elements_text(coalesce(r.topics, '[]')) t limit 30) as topics,
      coalesce(r.stars, 0) as stars, coalesce(r.forks, 0) as forks,
      coalesce(r.is_fork, false) as is_fork, coalesce(r.is_archived, false) as is_archived,
      time_or_null(r.pushed_at) as pushed_at
    from jsonb_to_recordset(list) as r(id bigint, name text, full_name text, description text,
      html_url text, homepage text, language text, topics jsonb, stars bigint, forks bigint,
      is_fork boolean, is_archived boolean, pushed_at text)
    where r.id > 0 and r.name ~ '^[A-Za-z0-9._-]{1,100}$' and r.name !~ '^[.]{1,2}$'
      and r.full_name ~ '^[A-Za-z0-9_-]{1,100}/[A-Za-z0-9._-]{1,100}$'
      and r.full_name !~ '/[.]{1,2}$' and url_or_null(r.html_url, 500) is not null
    order by r.id
  ), taken as (
    insert into repositories as o (id, user_id, github_id, name, full_name, description, html_url,
      homepage, language, topics, stars_count, forks_count, is_fork, is_archived, pushed_at,
      page_url, run_id)
    select uuid_v7(), person, l.id, l.name, l.full_name, l.description, l.html_url, l.homepage,
      l.language, l.topics, l.stars, l.forks, l.is_fork, l.is_archived, l.pushed_at, page,
      (select id from run)
    from listed l
    on conflict on constraint repositories_github_key do update set
      name = excluded.name, full_name = excluded.full_name, description = excluded.description,
      html_url = excluded.html_url, homepage = excluded.homepage, language = excluded.language,
      topics = excluded.topics, stars_count = excluded.stars_count,
      forks_count = excluded.forks_count, is_fork = excluded.is_fork,
      is_archived = excluded.is_archived, pushed_at = excluded.pushed_at,
      page_url = coalesce(excluded.page_url, o.page_url), misses = 0,
      run_id = coalesce(excluded.run_id, o.run_id),
      sync_state = case when o.full_name <> excluded.full_name then 'renamed'
        when (o.description, o.homepage, o.language, o.topics, o.stars_count, o.forks_count,
            o.is_fork, o.is_archived, o.pushed_at) is distinct from
          (excluded.description, excluded.homepage, excluded.language, excluded.topics,
            excluded.stars_count, excluded.forks_count, excluded.is_fork, excluded.is_archived,
            excluded.pushed_at) then 'synced'
        when o.sync_state in ('blocked', 'forbidden') then o.sync_state
        else 'unchanged' end,
      sync_note = case when o.full_name <> excluded.full_name then 'was ' || o.full_name
        when o.sync_state in ('blocked', 'forbidden') then o.sync_note end,
      synced_at = now()
    returning xmax = 0 as is_new, sync_state
  )
  select count(*) filter (where is_new),
    count(*) filter (where not is_new and sync_state in ('synced', 'renamed')),
    count(*) filter (where not is_new and sync_state = 'renamed'),
    count(*) filter (where not is_new and sync_state not in ('synced', 'renamed'))
  from taken
$$;

-- One repository that GitHub did not find: deleted when that is certain or happened before, else
-- hidden. How many went.
create function miss_repository(person uuid, github bigint, certain boolean) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  was repositories;
begin
  select * into was from repositories r where r.user_id = person and r.github_id = github for update;
  if not found then
    return 0;
  end if;
  if was.misses = 0 then
    update users u set github_public_repos = greatest(u.github_public_repos - 1, 0) where u.id = person;
  end if;
  if certain or was.misses > 0 then
    delete from repositories r where r.id = was.id;
    return 1;
  end if;
  update repositories r set misses = 1, page_url = null, asked_run = run_of(person),
    sync_state = 'gone', sync_note = 'GitHub does not find it' where r.id = was.id;
  return 0;
end
$$;

-- The end of a pass: what it neither saw nor asked for counts as missed, like in
-- miss_repository(). Pages that hold nothing are forgotten. How many went.
create function end_repositories(person uuid) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  run uuid := run_of(person);
  went bigint;
begin
  if run is null then
    return 0;
  end if;
  with gone as (
    delete from repositories r where r.user_id = person and r.run_id is distinct from run
      and r.asked_run is distinct from run and r.misses > 0 returning 1
  ) select count(*) into went from gone;
  update repositories r set misses = 1, page_url = null, sync_state = 'gone',
    sync_note = 'not in the list any more'
    where r.user_id = person and r.run_id is distinct from run
      and r.asked_run is distinct from run and r.misses = 0;
  delete from github_pages p where p.user_id = person and p.url not like '/%'
    and not exists (select from repositories r where r.user_id = person and r.page_url = p.url);
  update users u set github_public_repos = n.count
    from (select count(*) as count from repositories r where r.user_id = person and r.misses = 0) n
    where u.id = person and u.github_public_repos <> n.count;
  return went;
end
$$;

-- ---- passes

-- A job that was killed says nothing of it: what nobody touched for so long has failed.
create function sync_state_of(s github_syncs) returns text
language sql stable parallel safe as $$
  select case when s.state in ('queued', 'running', 'waiting') and
      coalesce(greatest(s.asked_at, s.touched_at, s.not_before), '-infinity') < now() -
      case s.state when 'queued' then interval '1 hour' else interval '15 minutes' end
    then 'failed' else s.state end
$$;

-- A sync of that kind for a person: the job that is there already, or `fresh`.
create function ask_sync(person uuid, wanted text, fresh text) returns text
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  s github_syncs;
begin
  insert into github_syncs (user_id, kind) values (person, wanted) on conflict do nothing;
  select * into s from github_syncs g where g.user_id = person and g.kind = wanted for update;
  if sync_state_of(s) in ('queued', 'running', 'waiting') and s.job_id is not null then
    return s.job_id;
  end if;
  update github_syncs g set state = 'queued', job_id = fresh, asked_at = now(), error = null,
    not_before = null
    where g.user_id = person and g.kind = wanted;
  insert into outbox (kind, target, name, data, opts) values ('job', 'github-sync',
    'sync-' || wanted, jsonb_build_object('user_id', person),
    jsonb_build_object('jobId', fresh, 'owner', person, 'unique', 'sync:' || wanted || ':' || person,
      'concurrency', jsonb_build_object('key', 'github:' || person, 'limit', 1)));
  return fresh;
end
$$;

-- Begins a pass, or goes on with one that was cut off within a day. Whoever ran it before has
-- lost his turn.
create function begin_sync(person uuid, wanted text, job text, run uuid) returns setof github_syncs
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  s github_syncs;
begin
  insert into github_syncs (user_id, kind) values (person, wanted) on conflict do nothing;
  select * into s from github_syncs g where g.user_id = person and g.kind = wanted for update;
  if s.run_id is null or s.touched_at < now() - interval '1 day' then
    update github_syncs g set run_id = run, next_url = null, started_at = now(), pages = 0,
      stumbles = 0, percent = 0, requests = 0, not_modified = 0, created = 0, updated = 0,
      deleted = 0, unchanged = 0, failed = 0
      where g.user_id = person and g.kind = wanted;
  end if;
  return query update github_syncs g set state = 'running', job_id = job, turn = g.turn + 1,
    touched_at = now(), not_before = null, error = null
    where g.user_id = person and g.kind = wanted returning g.*;
end
$$;

-- A step that is done, with what it came to and what the answers said of the token's budget.
-- wanted: null for what keeps no record.
--   on       written
--   over     another run has the turn
--   again    signed in anew meanwhile: the token is another one
--   stopped  disconnected, or the account is none any more
-- Of all but `on` the caller takes back what he wrote before.
create function step_sync(person uuid, wanted text, held bigint, since bigint, place text,
  done bigint, counts jsonb, budget jsonb)
returns text
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  c github_connections;
begin
  select k.* into c from github_connections k join users u on u.id = k.user_id
    where k.user_id = person and u.deleted_at is null and u.suspended_at is null
    for no key update of k;
  if not found or c.state <> 'connected' then
    return 'stopped';
  elsif coalesce(to_micros(c.checked_at), 0) <> since then
    return 'again';
  end if;
  update github_connections k set budget_limit = nullif((budget->>'limit')::bigint, -1),
    budget_remaining = nullif((budget->>'remaining')::bigint, -1),
    budget_reset = to_timestamp(nullif((budget->>'reset')::bigint, -1)),
    not_before = to_timestamp(nullif((budget->>'not_before_ms')::bigint, 0) / 1000.0),
    waits = (budget->>'waits')::bigint
    where k.user_id = person;
  if wanted is null then
    return 'on';
  end if;
  update github_syncs g set next_url = place, percent = done, touched_at = now(),
    stumbles = case when (counts->>'steps')::int > 0 then 0 else g.stumbles end,
    pages = g.pages + (counts->>'pages')::bigint,
    requests = g.requests + (counts->>'requests')::bigint,
    not_modified = g.not_modified + (counts->>'not_modified')::bigint,
    created = g.created + (counts->>'created')::bigint,
    updated = g.updated + (counts->>'updated')::bigint,
    deleted = g.deleted + (counts->>'deleted')::bigint,
    unchanged = g.unchanged + (counts->>'unchanged')::bigint,
    failed = g.failed + (counts->>'failed')::bigint
    where g.user_id = person and g.kind = wanted and g.turn = held;
  return case when found then 'on' else 'over' end;
end
$$;

-- The connection stops; its person is told once why, and what to do.
create function disconnect_github(person uuid, why text) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  update github_connections c set state = 'disconnected', reason = why, checked_at = c.checked_at,
    told_at = now(), updated_at = now()
    where c.user_id = person and c.state = 'connected';
  if found then
    perform tell_alone(person, 'github_sync', 'github', 'GitHub is disconnected',
      why || ' Sign in with GitHub again to go on.', '{}');
  end if;
end
$$;

-- As disconnect_github(), by whoever asked with the token of `since`. False: it is another one.
create function stop_github(person uuid, since bigint, why text) returns boolean
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform from github_connections c
    where c.user_id = person and coalesce(to_micros(c.checked_at), 0) = since for no key update;
  if found then
    perform disconnect_github(person, why);
    return true;
  end if;
  return false;
end
$$;

-- The person's own wish; the grant is taken back by a job, which has the network. False: there
-- is no token.
create function leave_github(person uuid, job text) returns boolean
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  update github_connections c set state = 'disconnected', reason = 'You disconnected it.',
    told_at = now(), updated_at = now()
    where c.user_id = person and c.token is not null;
  if not found then
    return false;
  end if;
  insert into outbox (kind, target, name, data, opts)
  values ('job', 'github-sync', 'github-disconnect', jsonb_build_object('user_id', person),
    jsonb_build_object('jobId', job, 'owner', person, 'unique', 'disconnect:' || person,
      'concurrency', jsonb_build_object('key', 'github:' || person, 'limit', 1)));
  return true;
end
$$;

-- A webhook's delivery: the small syncs that follow from it. False: it came before.
-- owner, sender: GitHub's ids of accounts; 0: none.
create function take_delivery(delivery text, event text, action text, owner bigint, sender bigint,
  repository bigint)
returns boolean
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  person uuid;
begin
  insert into github_deliveries (id, event) values (delivery, event) on conflict do nothing;
  if not found then
    return false;
  end if;
  delete from github_deliveries where id in (select d.id from github_deliveries d
    where d.received_at < now() - interval '30 days' order by d.received_at limit 20
    for update skip locked);
  if event = 'github_app_authorization' and action = 'revoked' then
    select c.user_id into person from github_connections c where c.github_id = sender;
    if found then
      perform disconnect_github(person, 'You revoked the authorization at GitHub.');
    end if;
  elsif event in ('installation', 'installation_repositories') then
    select c.user_id into person from github_connections c where c.state = 'connected'
      and c.github_id = coalesce(nullif(owner, 0), sender);
    if found then
      perform ask_sync(person, 'repositories', uuid_v7()::text);
    end if;
  elsif event in ('push', 'repository', 'star') and repository > 0 then
    -- whoever owns it, and after a transfer whoever did
    insert into outbox (kind, target, name, data, opts)
    select 'job', 'github-sync', 'sync-repository',
      jsonb_build_object('user_id', c.user_id, 'repository_id', repository,
        'event', case event when 'repository' then left(event || '.' || action, 100) else event end),
      jsonb_build_object('owner', c.user_id, 'deduplication', jsonb_build_object(
          'id', 'sync:repository:' || c.user_id || ':' || repository, 'mode', 'last'),
        'concurrency', jsonb_build_object('key', 'github:' || c.user_id, 'limit', 1))
    from github_connections c where c.state = 'connected' and (c.github_id = owner
      or c.user_id in (select r.user_id from repositories r where r.github_id = repository));
  end if;
  return true;
end
$$;

-- A year's calendar for a person, unless it was asked for within the hour: the job.
create function ask_contributions(person uuid, year bigint, fresh text) returns text
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  insert into outbox (kind, target, name, data, opts)
  values ('job', 'github-sync', 'sync-contributions', jsonb_build_object('user_id', person, 'year', year),
    jsonb_build_object('jobId', fresh, 'owner', person,
      'deduplication', jsonb_build_object('id', 'sync:contributions:' || person || ':' || year, 'ttl', 3600000),
      'concurrency', jsonb_build_object('key', 'github:' || person, 'limit', 1)));
  return fresh;
end
$$;

create function json_time(at timestamptz) returns text
language sql stable parallel safe as $$
  select to_char($1 at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;
