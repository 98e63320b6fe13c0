-- What jobs tell people, and what the nightly jobs look for.

-- Once the row is written: the same to whoever is connected.
create function announce(told notifications) returns void
language sql security definer set search_path = public, pg_temp as $$
  insert into outbox (kind, target, name, room, data) values ('event', 'rt', 'notification',
    'user:' || told.user_id, jsonb_build_object('id', told.id, 'type', told.type,
      'title', told.title, 'message', told.message, 'data', told.data,
      'actors', notification_actor_list(told.id), 'count', told.count, 'is_read', false,
      'created_at', to_char(told.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))
$$;

create or replace function tell(person uuid, actor uuid, kind text, about text, heading text, did text, details jsonb)
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
  perform announce(told);
end
$$;

-- Tells `person` what no other person did (a sync has ended, an export is ready); an unread one
-- about the same gives way to it. No row: there is no such person any more.
create function tell_alone(person uuid, kind text, about text, heading text, words text, details jsonb)
returns setof uuid
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  told notifications;
begin
  if not exists (select from users u where u.id = person and u.deleted_at is null) then
    return;
  end if;
  insert into notifications as n (id, user_id, type, subject, title, message, data)
    values (uuid_v7(), person, kind, about, heading, words, details)
    on conflict (user_id, type, subject) where not is_read do update
      set title = excluded.title, message = excluded.message, data = excluded.data,
        updated_at = now()
    returning n.* into told;
  perform announce(told);
  return next told.id;
end
$$;

create index job_done_oldest on job_done (created_at);
create index sessions_expiry on sessions (expires_at);
create index users_github on users (last_seen_at) where github_id is not null and deleted_at is null;
