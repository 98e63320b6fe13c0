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

-- page_url: where it was listed last. synced_at: when it was seen last; misses: how many passes
-- in a row did not see it. languages_of: the push whose languages these are.
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
  misses int not null default 0,
  sync_state text not null default 'synced' check (sync_state in ('synced', 'unchanged',
    'renamed', 'blocked', 'gone', 'forbidden')),
  sync_note text,
  synced_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  constraint repositories_github_key unique (user_id, github_id)
);
create index repositories_pushed on repositories (user_id, coalesce(pushed_at, '-infinity') desc, id desc);
create index repositories_stars on repositories (user_id, stars_count desc, id desc);
create index repositories_github_id on repositories (github_id);

-- One row for each kind of sync of a person: the one that runs, or the last one.
create table github_syncs (
  user_id uuid not null references users on delete cascade,
  kind text not null check (kind in ('profile', 'repositories', 'contributions')),
  state text not null default 'idle' check (state in ('idle', 'queued', 'running', 'waiting', 'failed')),
  job_id text,
  run_id uuid,
  next_url text,                       -- where to go on
  asked_at timestamptz,
  started_at timestamptz,
  finished_at timestamptz,
  not_before timestamptz,
  percent int not null default 0,
  requests bigint not null default 0,
  not_modified bigint not null default 0,
  created bigint not null default 0,
  updated bigint not null default 0,
  deleted bigint not null default 0,
  unchanged bigint not null default 0,
  failed bigint not null default 0,
  error text,
  primary key (user_id, kind)
);

-- A quarter of a calendar: contributions of each day, the first of the quarter first.
create table github_contributions (
  user_id uuid not null references users on delete cascade,
  quarter date not null,
  days int[] not null,
  is_stale boolean not null default false,
  synced_at timestamptz not null default now(),
  primary key (user_id, quarter)
);

create table github_deliveries (
  id text primary key,
  event text not null,
  received_at timestamptz not null default now()
);
create index github_deliveries_oldest on github_deliveries (received_at);

-- Null for what is no time.
create function time_or_null(words text) returns timestamptz
language plpgsql stable parallel safe as $$
begin
  return words::timestamptz;
exception when others then
  return null;
end
$$;

create function url_or_null(words text, longest int) returns text
language sql immutable parallel safe as $$
  select case when $1 ~ '^https?://[^[:space:][:cntrl:]]+$' and length($1) <= $2 then $1 end
$$;

-- A page of a person's repositories, as GitHub has them now.
create function take_repositories(person uuid, page text, list jsonb)
returns table (created bigint, updated bigint, unchanged bigint)
language sql security definer set search_path = public, pg_temp as $$
  with listed as (
    select distinct on (r.id) r.id, left(r.name, 200) as name, left(r.full_name, 300) as full_name,
      clean_line(r.description, 1000) as description, url_or_null(r.html_url, 500) as html_url,
      url_or_null(r.homepage, 500) as homepage, clean_line(r.language, 100) as language,
      array(select left(t, 50) from jsonb_array_elements_text(coalesce(r.topics, '[]')) t limit 30) as topics,
      coalesce(r.stars, 0) as stars, coalesce(r.forks, 0) as forks,
      coalesce(r.is_fork, false) as is_fork, coalesce(r.is_archived, false) as is_archived,
      time_or_null(r.pushed_at) as pushed_at
    from jsonb_to_recordset(list) as r(id bigint, name text, full_name text, description text,
      html_url text, homepage text, language text, topics jsonb, stars bigint, forks bigint,
      is_fork boolean, is_archived boolean, pushed_at text)
    where r.id is not null and r.name <> '' and url_or_null(r.html_url, 500) is not null
    order by r.id
  ), taken as (
    insert into repositories as o (id, user_id, github_id, name, full_name, description, html_url,
      homepage, language, topics, stars_count, forks_count, is_fork, is_archived, pushed_at,
      page_url)
    select uuid_v7(), person, l.id, l.name, l.full_name, l.description, l.html_url, l.homepage,
      l.language, l.topics, l.stars, l.forks, l.is_fork, l.is_archived, l.pushed_at, page
    from listed l
    on conflict on constraint repositories_github_key do update set
      name = excluded.name, full_name = excluded.full_name, description = excluded.description,
      html_url = excluded.html_url, homepage = excluded.homepage, language = excluded.language,
      topics = excluded.topics, stars_count = excluded.stars_count,
      forks_count = excluded.forks_count, is_fork = excluded.is_fork,
      is_archived = excluded.is_archived, pushed_at = excluded.pushed_at,
      page_url = coalesce(excluded.page_url, o.page_url), misses = 0,
      sync_state = case when o.full_name <> excluded.full_name then 'renamed'
        when (o.description, o.homepage, o.language, o.topics, o.stars_count, o.forks_count,
            o.is_fork, o.is_archived, o.pushed_at) is distinct from
          (excluded.description, excluded.homepage, excluded.language, excluded.topics,
            excluded.stars_count, excluded.forks_count, excluded.is_fork, excluded.is_archived,
            excluded.pushed_at) then 'synced'
        when o.sync_state = 'blocked' then 'blocked'
        else 'unchanged' end,
      sync_note = case when o.full_name <> excluded.full_name then 'was ' || o.full_name
        when o.sync_state = 'blocked' then o.sync_note end,
      synced_at = now()
    returning xmax = 0 as is_new, sync_state
  )
  select count(*) filter (where is_new),
    count(*) filter (where not is_new and sync_state in ('synced', 'renamed')),
    count(*) filter (where not is_new and sync_state not in ('synced', 'renamed'))
  from taken
$$;

-- What no pass has seen twice in a row is deleted there, and so here; what was missed once is
-- marked. How many went.
create function end_repositories(person uuid) returns bigint
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  began timestamptz := (select started_at from github_syncs s
    where s.user_id = person and s.kind = 'repositories');
  went bigint;
begin
  with gone as (
    delete from repositories r
    where r.user_id = person and r.synced_at < began and r.misses >= 1 returning 1
  ) select count(*) into went from gone;
  update repositories r set misses = 1, page_url = null, sync_state = 'gone',
    sync_note = 'not in the list any more'
    where r.user_id = person and r.synced_at < began;
  update users u set github_public_repos = n.count
    from (select count(*) as count from repositories r where r.user_id = person and r.misses = 0) n
    where u.id = person and u.github_public_repos <> n.count;
  return went;
end
$$;

-- A sync of that kind for a person: the job that is there already, or `fresh`.
create function ask_sync(person uuid, wanted text, fresh text) returns text
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  s github_syncs;
begin
  insert into github_syncs (user_id, kind) values (person, wanted) on conflict do nothing;
  select * into s from github_syncs g where g.user_id = person and g.kind = wanted for update;
  if s.state in ('queued', 'running', 'waiting') and s.job_id is not null
    and greatest(s.asked_at, s.started_at, s.not_before) > now() - interval '1 hour' then
    return s.job_id;
  end if;
  update github_syncs g set state = 'queued', job_id = fresh, asked_at = now(), error = null
    where g.user_id = person and g.kind = wanted;
  insert into outbox (kind, target, name, data, opts) values ('job', 'github-sync',
    'sync-' || wanted, jsonb_build_object('user_id', person),
    jsonb_build_object('jobId', fresh, 'owner', person, 'unique', 'sync:' || wanted || ':' || person,
      'concurrency', jsonb_build_object('key', 'github:' || person, 'limit', 1)));
  return fresh;
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

-- A webhook's delivery: the small sync that follows from it. False: it came before.
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
    return true;
  end if;
  select c.user_id into person from github_connections c
    where c.state = 'connected'
      and c.github_id = case when event like 'installation%' then coalesce(nullif(owner, 0), sender) else owner end;
  if not found then
    return true;
  end if;
  if event like 'installation%' then
    perform ask_sync(person, 'repositories', uuid_v7()::text);
  elsif event in ('push', 'repository', 'star') and repository <> 0 then
    insert into outbox (kind, target, name, data, opts) values ('job', 'github-sync', 'sync-repository',
      jsonb_build_object('user_id', person, 'repository_id', repository,
        'event', case event when 'repository' then coalesce(event || '.' || action, event) else event end),
      jsonb_build_object('deduplication', jsonb_build_object('id', 'sync:repository:' || repository, 'mode', 'last'),
        'concurrency', jsonb_build_object('key', 'github:' || person, 'limit', 1)));
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
