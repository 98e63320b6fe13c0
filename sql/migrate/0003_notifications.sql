-- What people are told, and the functions that tell them: the row, its live event and its job
-- are written in the transaction of the like or the follow itself.

create table notifications (
  id uuid primary key,
  user_id uuid not null references users on delete cascade,
  type text not null check (type in ('follow', 'like', 'comment', 'reply', 'mention', 'fork',
    'github_sync', 'export_ready', 'security', 'system')),
  subject text not null,              -- what it is about: groups the people who did the same
  title text not null,
  message text not null,
  data jsonb not null,
  count bigint not null default 1,
  is_read boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index notifications_group on notifications (user_id, type, subject) where not is_read;
create index notifications_newest on notifications (user_id, updated_at desc, id desc);

create table notification_actors (
  notification_id uuid not null references notifications on delete cascade,
  actor_id uuid not null references users on delete cascade,
  created_at timestamptz not null default now(),
  primary key (notification_id, actor_id)
);

-- RFC 9562, section 5.7.
create function uuid_v7() returns uuid
language sql volatile as $$
  select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    placing substring(int8send(floor(extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
    from 1 for 6), 52, 1), 53, 1), 'hex')::uuid
$$;

-- The latest few who did it, as authors.
create function notification_actor_list(id uuid) returns jsonb
language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', u.id, 'username', u.username,
    'full_name', u.full_name, 'avatar_url', u.avatar_url) order by a.created_at desc), '[]')
  from (select * from notification_actors where notification_id = $1
        order by created_at desc limit 3) a
  join users u on u.id = a.actor_id
$$;

-- Tells `person` once that `actor` did `kind` to `about`; people who did the same before it
-- was read share one row. `did` is what follows the name(s) in the message.
create function tell(person uuid, actor uuid, kind text, about text, heading text, did text, details jsonb)
returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  told notifications;
  name text;
begin
  if person = actor
    or exists (select from blocks b where b.blocker_id = person and b.blocked_id = actor)
    or exists (select from notifications n join notification_actors a on a.notification_id = n.id
      where n.user_id = person and n.type = kind and n.subject = about and a.actor_id = actor) then
    return;
  end if;
  select username into name from users where id = actor;
  insert into notifications as n (id, user_id, type, subject, title, message, data)
    values (uuid_v7(), person, kind, about, heading, name || ' ' || did, details)
    on conflict (user_id, type, subject) where not is_read do update
      set count = n.count + 1, updated_at = now(),
        message = name || ' and ' || n.count || case n.count when 1 then ' other ' else ' others ' end || did
    returning n.* into told;
  insert into notification_actors values (told.id, actor);
  insert into outbox (kind, target, name, room, data) values ('event', 'rt', 'notification',
    'user:' || person, jsonb_build_object('id', told.id, 'type', told.type, 'title', told.title,
      'message', told.message, 'data', told.data, 'actors', notification_actor_list(told.id),
      'count', told.count, 'is_read', false, 'created_at',
      to_char(told.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')));
end
$$;

-- Counters that many hands change are healed by a job, soon and once for many changes.
create function heal_later(person uuid) returns void
language sql security definer set search_path = public, pg_temp as $$
  insert into outbox (kind, target, name, data, opts) values ('job', 'maintenance', 'recount',
    jsonb_build_object('user_id', person),
    jsonb_build_object('delay', 1000, 'unique', 'recount:' || person))
$$;

-- wanted: null toggles. No row: there is no such snippet for this person.
create function set_like(person uuid, thing uuid, wanted boolean)
returns table (liked boolean, likes_count bigint)
language plpgsql security definer set search_path = public, pg_temp as $$
#variable_conflict use_column
declare
  s record;
  changed int;
begin
  perform active_user(person);
  select id, author_id, title, snippets.likes_count into s from snippets
    where id = thing and (is_public or author_id = person);
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

create function set_follow(person uuid, name text, wanted boolean)
returns table (following boolean, followers_count bigint)
language plpgsql security definer set search_path = public, pg_temp as $$
#variable_conflict use_column
declare
  other record;
  changed int;
begin
  perform active_user(person);
  select id, users.followers_count into other from users
    where username_key = lower(name) and deleted_at is null;
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
    -- Always in the order of ids, so that two who follow each other can't wait in a circle.
    perform id from users where id in (person, other.id) order by id for no key update;
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
