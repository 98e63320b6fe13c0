-- Signing in by GitHub, sessions whose refresh tokens are used once, personal access tokens.

-- tokens_until: no access token of this session lives longer, so a mark in Redis that it was
-- ended need not either.
alter table sessions add column ended_by text
    check (ended_by in ('logout', 'ended', 'reuse', 'too_many', 'account')),
  add column tokens_until timestamptz;
update sessions set tokens_until = expires_at;
alter table sessions alter column tokens_until set not null;
create index sessions_dead on sessions (tokens_until) where revoked_at is not null;

-- A row for each refresh token; its id is the token's jti. A used one has a child; all of a
-- session are one family.
create table refresh_tokens (
  id uuid primary key,
  session_id uuid not null references sessions on delete cascade,
  parent_id uuid constraint refresh_tokens_parent_key unique,
  child_id uuid,
  issued_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  check ((used_at is null) = (child_id is null))
);
create index refresh_tokens_session on refresh_tokens (session_id, expires_at);

-- The hash of what began a sign-in, once it came back: never a second time.
create table login_states (
  hash bytea primary key,
  used_at timestamptz not null default now()
);
create index login_states_oldest on login_states (used_at);

create table access_tokens (
  id uuid primary key,
  user_id uuid not null references users on delete cascade,
  name text not null check (length(name) between 1 and 100),
  hash bytea not null constraint access_tokens_hash_key unique,
  prefix text not null,
  scopes text[] not null check (cardinality(scopes) > 0 and scopes <@ array['read', 'write', 'admin']),
  expires_at timestamptz not null,
  last_used_at timestamptz,
  created_at timestamptz not null default now(),
  revoked_at timestamptz
);
create index access_tokens_user on access_tokens (user_id, created_at desc);
-- For the sweep of those that are over.
create index access_tokens_over on access_tokens (least(expires_at, revoked_at));

-- token: sealed, bound to user_id. The budget is GitHub's for this token.
create table github_connections (
  user_id uuid primary key references users on delete cascade,
  github_id bigint not null constraint github_connections_github_id_key unique,
  login text not null,
  token bytea,
  scopes text[] not null default '{}',
  state text not null default 'connected' check (state in ('connected', 'disconnected')),
  reason text,
  checked_at timestamptz,
  budget_limit bigint,
  budget_remaining bigint,
  budget_reset timestamptz,
  not_before timestamptz,
  told_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create function to_seconds(at timestamptz) returns bigint
language sql stable parallel safe as $$ select floor(extract(epoch from $1))::bigint $$;

-- ---- sessions

-- Ends those of a person: `one`, or all but `but`. The relays hear of it by the outbox. seconds:
-- how long access tokens of it may still come.
-- The programs' clocks may lie a minute apart (jwt_check allows as much), so a mark outlives the
-- last access token by that.
create function end_sessions(person uuid, one uuid, but uuid, why text)
returns table (id uuid, seconds bigint)
language sql security definer set search_path = public, pg_temp as $$
  with ended as (
    update sessions s set revoked_at = now(), ended_by = why
    where s.user_id = person and s.revoked_at is null and s.expires_at > now()
      and (one is null or s.id = one) and (but is null or s.id <> but)
    returning s.id, s.tokens_until
  ), told as (
    insert into outbox (kind, target, name, room, data)
    select 'event', 'rt', 'revoke', 'control', jsonb_build_object('sid', e.id) from ended e
  )
  select e.id, greatest(ceil(extract(epoch from e.tokens_until - now())), 0)::bigint + 60 from ended e
$$;

-- The first refresh token of a session that is new, and what the tokens are to say.
create function open_session(person uuid, session uuid, fresh uuid, device text, prefix text,
  access_seconds bigint, refresh_seconds bigint, session_seconds bigint)
returns table (issued bigint, expires bigint, access_expires bigint)
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  began timestamptz := date_trunc('second', now());
  ends timestamptz := began + session_seconds * interval '1 second';
  access_end timestamptz := least(began + access_seconds * interval '1 second', ends);
  refresh_end timestamptz := least(began + refresh_seconds * interval '1 second', ends);
begin
  insert into sessions (id, user_id, device, ip_prefix, expires_at, tokens_until)
    values (session, person, device, prefix, ends, access_end);
  insert into refresh_tokens (id, session_id, issued_at, expires_at)
    values (fresh, session, began, refresh_end);
  return query select to_seconds(began), to_seconds(refresh_end), to_seconds(access_end);
end
$$;

-- One use of a refresh token:
--   new      its child, `fresh`
--   again    used a moment ago, and nobody used the child yet: the same child (an answer was lost)
--   reuse    used before: somebody has a copy, so the whole family ends
--   ended    of a session that is over
--   unknown  there is no such token
-- Whoever has the session's row decides alone, so one token has one child.
create function refresh_rotate(token uuid, fresh uuid, access_seconds bigint, refresh_seconds bigint)
returns table (outcome text, id uuid, session_id uuid, user_id uuid, username text, role text,
  issued bigint, expires bigint, access_issued bigint, access_expires bigint)
language plpgsql security definer set search_path = public, pg_temp as $$
#variable_conflict use_column
declare
  family sessions;
  person users;
  child refresh_tokens;
  began timestamptz := date_trunc('second', now());
  access_end timestamptz;
begin
  select s.* into family from sessions s join refresh_tokens t on t.session_id = s.id
    where t.id = token for no key update of s;
  if not found then
    return query select 'unknown', null::uuid, null::uuid, null::uuid, null, null,
      null::bigint, null::bigint, null::bigint, null::bigint;
    return;
  end if;
  select * into person from users u where u.id = active_user(family.user_id);
  if family.revoked_at is null and family.expires_at > now() then
    update refresh_tokens t set used_at = now(), child_id = fresh
      where t.id = token and t.used_at is null and t.expires_at > now();
    if found then
      outcome := 'new';
      insert into refresh_tokens as t (id, session_id, parent_id, issued_at, expires_at)
        values (fresh, family.id, token, began,
          least(began + refresh_seconds * interval '1 second', family.expires_at))
        returning t.* into child;
      delete from refresh_tokens t
        where t.session_id = family.id and t.expires_at < now() - interval '1 day';
    else
      select c.* into child from refresh_tokens t join refresh_tokens c on c.id = t.child_id
        where t.id = token and t.used_at >= now() - interval '10 seconds' and c.used_at is null;
      outcome := case when found then 'again'
        when exists (select from refresh_tokens t where t.id = token and t.used_at is null)
        then 'ended' else 'reuse' end;
    end if;
  else
    outcome := 'ended';
  end if;
  if outcome = 'reuse' then
    perform end_sessions(person.id, family.id, null, 'reuse');
    perform tell_alone(person.id, 'security', 'session:' || family.id, 'A session was ended',
      'An old token of your session' || coalesce(' on ' || nullif(family.device, ''), '')
        || coalesce(' from ' || family.ip_prefix, '')
        || ' was used again, so somebody may have a copy of it. Sign in again there.',
      jsonb_build_object('session_id', family.id));
  elsif outcome <> 'ended' then
    access_end := least(began + access_seconds * interval '1 second', family.expires_at);
    update sessions s set last_used_at = now(), tokens_until = greatest(s.tokens_until, access_end)
      where s.id = family.id;
    update users u set last_seen_at = now()
      where u.id = person.id and coalesce(u.last_seen_at, '-infinity') < now() - interval '1 hour';
  end if;
  return query select outcome, child.id, family.id, person.id, person.username, person.role,
    to_seconds(child.issued_at), to_seconds(child.expires_at), to_seconds(began),
    to_seconds(access_end);
end
$$;

-- ---- personal access tokens

-- No row: the person has a hundred already.
create function make_access_token(id uuid, person uuid, name text, hash bytea, prefix text,
  scopes text[], days bigint)
returns setof access_tokens
language plpgsql security definer set search_path = public, pg_temp as $$
#variable_conflict use_variable
begin
  perform from users u where u.id = active_user(person) for no key update;
  if (select count(*) from access_tokens a where a.user_id = person
      and a.revoked_at is null and a.expires_at > now()) >= 100 then
    return;
  end if;
  return query insert into access_tokens as a (id, user_id, name, hash, prefix, scopes, expires_at)
    values (id, person, name, hash, prefix,
      array(select distinct s from unnest(scopes) s order by s), now() + days * interval '1 day')
    returning a.*;
end
$$;

-- ---- signing in

-- False: this sign-in came back before. Those older than any cookie are forgotten.
create function use_login_state(state bytea) returns boolean
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  fresh boolean;
begin
  insert into login_states (hash) values (state) on conflict do nothing;
  fresh := found;
  delete from login_states where hash in (select l.hash from login_states l
    where l.used_at < now() - interval '1 hour' order by l.used_at limit 100 for update skip locked);
  return fresh;
end
$$;

-- A line of somebody else's text as our columns take it; null when nothing is left.
create function clean_line(words text, longest int) returns text
language sql immutable parallel safe as $$
  select nullif(left(btrim(regexp_replace($1, '[[:cntrl:][:space:]]+', ' ', 'g')), $2), '')
$$;

-- A username made of a GitHub login: its rules are ours, but Enterprise's and old ones differ.
create function username_from(login text) returns text
language sql immutable parallel safe as $$
  select coalesce(nullif(btrim(left(btrim(regexp_replace($1, '[^A-Za-z0-9]+', '-', 'g'), '-'), 39), '-'), ''), 'user')
$$;

-- What GitHub says of a person: figures and picture always, words only where the person has
-- written none here.
-- An address is told by a sign-in alone, null when none is both primary and verified any more;
-- who does not tell one leaves it.
create function take_github_profile(person uuid, profile jsonb) returns void
language sql security definer set search_path = public, pg_temp as $$
  update users u set github_username = p.login, github_followers = p.followers,
    github_following = p.following, github_public_repos = p.public_repos,
    avatar_url = p.avatar_url, email = p.email, full_name = p.full_name, bio = p.bio,
    company = p.company, location = p.location, website = p.website,
    version = u.version + 1, updated_at = now()
  from users o cross join lateral (select
      coalesce(profile->>'login', o.github_username) as login,
      coalesce((profile->>'followers')::bigint, o.github_followers) as followers,
      coalesce((profile->>'following')::bigint, o.github_following) as following,
      coalesce((profile->>'public_repos')::bigint, o.github_public_repos) as public_repos,
      coalesce(case when profile->>'avatar_url' ~ '^https?://[^[:space:][:cntrl:]]+$'
        and length(profile->>'avatar_url') <= 500 then profile->>'avatar_url' end,
        o.avatar_url) as avatar_url,
      case when profile ? 'email' then clean_line(profile->>'email', 320) else o.email end as email,
      coalesce(o.full_name, clean_line(profile->>'name', 100)) as full_name,
      coalesce(o.bio, clean_line(profile->>'bio', 500)) as bio,
      coalesce(o.company, clean_line(profile->>'company', 100)) as company,
      coalesce(o.location, clean_line(profile->>'location', 100)) as location,
      coalesce(o.website, case when length(b.blog) > 200 then null
        when b.blog ~* '^https?://[^[:space:]]+$' then b.blog
        when b.blog ~ '^[A-Za-z0-9-]+([.][A-Za-z0-9-]+)+(/[^[:space:]]*)?$' and length(b.blog) <= 192
        then 'https://' || b.blog end) as website
    from (select btrim(profile->>'blog') as blog) b) p
  where o.id = person and u.id = o.id
    and (u.github_username, u.github_followers, u.github_following, u.github_public_repos,
      u.avatar_url, u.email, u.full_name, u.bio, u.company, u.location, u.website)
    is distinct from (p.login, p.followers, p.following, p.public_repos, p.avatar_url, p.email,
      p.full_name, p.bio, p.company, p.location, p.website)
$$;

-- A new person of that login; taken names get a number.
create function make_github_user(person uuid, github bigint, login text) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  wanted text := username_from(login);
  name text := wanted;
begin
  for n in 2..10000 loop
    if lower(name) not in ('me', 'admin', 'codegram') then
      insert into users (id, github_id, username) values (person, github, name)
        on conflict (username_key) do nothing;
      if found then
        return;
      end if;
    end if;
    name := btrim(left(wanted, 38 - length(n::text)), '-') || '-' || n;
  end loop;
  raise exception 'no username is free for %', login using errcode = '23505';
end
$$;

-- A whole sign-in. `person` is whom the token was sealed for: the id of the one with this
-- GitHub id, or a new one.
--   new, known           done
--   other                the GitHub id belongs to user_id meanwhile: seal for that one
--   suspended, deleted   refused
-- Of more than a hundred sessions the ones not used for longest end.
create function sign_in(person uuid, github bigint, profile text, token bytea, scopes text[],
  session uuid, fresh uuid, device text, prefix text, access_seconds bigint,
  refresh_seconds bigint, session_seconds bigint)
returns table (outcome text, user_id uuid, username text, role text, issued bigint,
  expires bigint, access_expires bigint)
language plpgsql security definer set search_path = public, pg_temp as $$
#variable_conflict use_column
declare
  who users;
  opened record;
begin
  perform pg_advisory_xact_lock(7166405, hashint8(github));
  select u.* into who from users u where u.github_id = github for no key update;
  outcome := case when who.id is null then 'new' when who.id <> person then 'other'
    when who.deleted_at is not null then 'deleted'
    when who.suspended_at is not null then 'suspended' else 'known' end;
  if outcome not in ('new', 'known') then
    return query select outcome, who.id, null, null, null::bigint, null::bigint, null::bigint;
    return;
  end if;
  if outcome = 'new' then
    perform make_github_user(person, github, profile::jsonb->>'login');
  end if;
  perform take_github_profile(person, profile::jsonb);
  update users u set last_seen_at = now() where u.id = person;
  insert into github_connections as c (user_id, github_id, login, token, scopes, checked_at)
    values (person, github, profile::jsonb->>'login', token, coalesce(scopes, '{}'), now())
    on conflict (user_id) do update set login = excluded.login, token = excluded.token,
      scopes = excluded.scopes, state = 'connected', reason = null, checked_at = now(),
      budget_limit = null, budget_remaining = null, budget_reset = null, not_before = null,
      told_at = null, updated_at = now();
  perform end_sessions(person, s.id, null, 'too_many') from (select id from sessions
    where user_id = person and revoked_at is null and expires_at > now()
    order by last_used_at desc offset 99) s;
  select * into opened from open_session(person, session, fresh, device, prefix,
    access_seconds, refresh_seconds, session_seconds);
  perform ask_sync(person, kind, uuid_v7()::text)
    from unnest(array['profile', 'repositories', 'contributions']) kind;
  return query select outcome, u.id, u.username, u.role, opened.issued, opened.expires,
    opened.access_expires from users u where u.id = person;
end
$$;
