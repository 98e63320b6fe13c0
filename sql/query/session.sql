-- Sessions: what a token belongs to, so that it can be ended.

-- One that an operator opened: it lives as long as its only access token.
-- name: session_create(id uuid, user_id uuid, device text, seconds int) :none
-- by: codegram-ctl
insert into sessions (id, user_id, device, expires_at, tokens_until)
values (:id, active_user(:user_id), :device, now() + :seconds * interval '1 second',
  now() + :seconds * interval '1 second');

-- One like a sign-in's, with its first refresh token.
-- name: session_open(user_id uuid, id uuid, token uuid, device text, access_seconds int, refresh_seconds int, session_seconds int) :one=session_opened
-- by: codegram-ctl
select issued, expires, access_expires from open_session(active_user(:user_id), :id, :token, :device,
  null, :access_seconds, :refresh_seconds, :session_seconds);

-- name: session_refresh(token uuid, fresh uuid, access_seconds int, refresh_seconds int) :one=session_refreshed
select outcome, id, session_id, user_id, username, role, issued, expires, access_issued, access_expires
from refresh_rotate(:token, :fresh, :access_seconds, :refresh_seconds);

-- Those that live, the last used first.
-- name: session_list(person uuid, current uuid) :json_list
select id, device, ip_prefix, created_at, last_used_at, expires_at,
  coalesce(id = :current, false) as is_current
from sessions
where user_id = active_user(:person) and revoked_at is null and expires_at > now()
order by last_used_at desc, id desc limit 200;

-- name: session_end(person uuid, one uuid, but uuid, why text) :many=session_ended
select id, seconds from end_sessions(:person, :one, :but, :why);

-- What Redis would say of it.
-- name: session_life(id uuid) :one=session_life
select exists (select from sessions where id = :id and revoked_at is not null) as is_ended;

-- What somebody is by now, whatever their token says.
-- name: session_role(person uuid) :one=session_role
-- else: BAD_TOKEN
select role from users where id = active_user(:person);

-- Ended ones of which access tokens may still come: what Redis must know. Page by page; all of
-- them, or the recent ones.
-- name: session_dead(after_id uuid, recent bool) :many=session_ended
-- by: codegram-scheduler
-- optional: after_id, recent
select id, greatest(ceil(extract(epoch from tokens_until - now())), 0)::bigint + 60 as seconds
from sessions
where revoked_at is not null and tokens_until > now() - interval '60 seconds'
/*? after_id */ and id > :after_id
/*? recent */ and revoked_at > now() - interval '10 seconds'
order by id limit 500;
