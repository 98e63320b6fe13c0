-- Locks in one order, and counts that are read under them.
--
-- Whoever changes several rows takes them in this order: a snippet; the tally, by kind and name;
-- people, by id; their sessions. The row that a count stands in is locked before the row that it
-- counts is written: the foreign key's own lock would come first otherwise, and a transaction that
-- holds it and then wants more waits in a circle with whoever deletes. What comes after the lock
-- sees what the one before left.

-- wanted: null toggles. No row: there is no such snippet for this person.
create or replace function set_like(person uuid, thing uuid, wanted boolean)
returns table (liked boolean, likes_count bigint)
language plpgsql security definer set search_path = public, pg_temp as $$
#variable_conflict use_column
declare
  s record;
  changed int;
begin
  perform active_user(person);
  select id, author_id, title, snippets.likes_count into s from snippets
    where id = thing and (is_public or author_id = person) for no key update;
  if not found then
    return;
  end if;
  if exists (select from blocks where blocker_id = s.author_id and blocked_id = person) then
    raise exception 'blocked' using errcode = 'CG40B';
  end if;
  wanted := coalesce(wanted, not exists (select from snippet_likes l
    where l.snippet_id = thing and l.user_id = person));
  if wanted then
    insert into snippet_likes values (thing, person) on conflict do nothing;
  else
    delete from snippet_likes l where l.snippet_id = thing and l.user_id = person;
  end if;
  get diagnostics changed = row_count;
  if changed > 0 then
    update snippets set likes_count = snippets.likes_count + case when wanted then 1 else -1 end
      where id = thing returning snippets.likes_count into s.likes_count;
    if wanted then
      perform tell(s.author_id, person, 'like', 'snippet:' || thing, 'New Like',
        'liked your snippet "' || s.title || '"', jsonb_build_object('snippet_id', thing));
    end if;
    perform heal_later(s.author_id);
  end if;
  return query select wanted, s.likes_count;
end
$$;

create or replace function set_follow(person uuid, name text, wanted boolean)
returns table (following boolean, followers_count bigint)
language plpgsql security definer set search_path = public, pg_temp as $$
#variable_conflict use_column
declare
  other record;
  changed int;
begin
  perform active_user(person);
  select id into other from users where username_key = lower(name) and deleted_at is null;
  if not found then
    return;
  end if;
  perform from users where id in (person, other.id) order by id for no key update;
  select id, users.followers_count into other from users
    where id = other.id and deleted_at is null;
  if not found then
    return;
  end if;
  if exists (select from blocks where blocker_id = other.id and blocked_id = person) then
    raise exception 'blocked' using errcode = 'CG40B';
  end if;
  if wanted then
    insert into follows values (person, other.id) on conflict do nothing;
  else
    delete from follows where follower_id = person and followed_id = other.id;
  end if;
  get diagnostics changed = row_count;
  if changed > 0 then
    update users set following_count = following_count + case when wanted then 1 else -1 end
      where id = person;
    update users set followers_count = users.followers_count + case when wanted then 1 else -1 end
      where id = other.id returning users.followers_count into other.followers_count;
    if wanted then
      perform tell(other.id, person, 'follow', 'follow', 'New Follower', 'started following you',
        jsonb_build_object('user_id', person));
    end if;
    perform heal_later(other.id);
  end if;
  return query select wanted, other.followers_count;
end
$$;

-- One pass over the tally for what goes and what comes, or two edits could take each other's rows
-- in turn.
create or replace function snippets_change() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  insert into tally
    select kind, name, pg_backend_pid() % 16, sum(n) from (
      select 'snippet' as kind, '' as name, -1 as n where old.is_public
      union all select 'language', old.language, -1 where old.is_public
      union all select 'tag', tag, -1 from unnest(old.tags) tag where old.is_public
      union all select 'snippet', '', 1 where new.is_public
      union all select 'language', new.language, 1 where new.is_public
      union all select 'tag', tag, 1 from unnest(new.tags) tag where new.is_public
    ) changes group by 1, 2 having sum(n) <> 0 order by 1, 2
  on conflict (kind, name, slot) do update set count = tally.count + excluded.count;
  if old.is_public <> new.is_public then
    update users set snippets_count = snippets_count + case when new.is_public then 1 else -1 end
      where id = new.author_id;
  end if;
  return null;
end
$$;

-- As before (0005), and two who end the same sessions take them in the same order.
create or replace function end_sessions(person uuid, one uuid, but uuid, why text)
returns table (id uuid, seconds bigint)
language sql security definer set search_path = public, pg_temp as $$
  with locked as materialized (
    select s.id from sessions s
    where s.user_id = person and s.revoked_at is null and s.expires_at > now()
      and (one is null or s.id = one) and (but is null or s.id <> but)
    order by s.id for no key update
  ), ended as (
    update sessions s set revoked_at = now(), ended_by = why
    where s.id in (select l.id from locked l) and s.revoked_at is null
    returning s.id, s.tokens_until
  ), told as (
    insert into outbox (kind, target, name, room, data)
    select 'event', 'rt', 'revoke', 'control', jsonb_build_object('sid', e.id) from ended e
  )
  select e.id, greatest(ceil(extract(epoch from e.tokens_until - now())), 0)::bigint + 60 from ended e
$$;

-- A sync writes its pages first and looks at the connection last; whoever signs in has the
-- connection already. What a sync holds just now it takes back itself, when it sees the new token.
create or replace function github_pages_forget() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  delete from github_pages where (user_id, url) in (select p.user_id, p.url from github_pages p
    where p.user_id = new.user_id for update skip locked);
  return null;
end
$$;

-- One use of a refresh token, as before (0005), which tells what the outcomes mean.
create or replace function refresh_rotate(token uuid, fresh uuid, access_seconds bigint, refresh_seconds bigint)
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
    -- Signing in takes the person first and then the session: never wait for the person here.
    update users u set last_seen_at = now() where u.id = (select o.id from users o
      where o.id = person.id and coalesce(o.last_seen_at, '-infinity') < now() - interval '1 hour'
      for no key update skip locked);
  end if;
  return query select outcome, child.id, family.id, person.id, person.username, person.role,
    to_seconds(child.issued_at), to_seconds(child.expires_at), to_seconds(began),
    to_seconds(access_end);
end
$$;
