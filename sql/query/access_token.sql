-- Personal access tokens. Only their SHA-256 is here.

-- Whose it is and what it may, when it is one. That it was used is noted once an hour.
-- name: access_token_use(hash text) :one=access_token_owner
-- else: BAD_TOKEN
with token as (
  select t.id, t.user_id, t.scopes, u.username, u.role
  from access_tokens t join users u on u.id = t.user_id
  where t.hash = decode(:hash, 'hex') and t.revoked_at is null and t.expires_at > now()
), noted as (
  update access_tokens t set last_used_at = now() from token
  where t.id = token.id and coalesce(t.last_used_at, '-infinity') < now() - interval '1 hour'
  returning t.user_id
), seen as (
  update users u set last_seen_at = now() from noted
  where u.id = noted.user_id and coalesce(u.last_seen_at, '-infinity') < now() - interval '1 hour'
)
select active_user(user_id) as id, username, role, 'read' = any(scopes) as may_read,
  'write' = any(scopes) as may_write, 'admin' = any(scopes) as may_admin
from token;

-- name: access_token_create(id uuid, person uuid, name text, hash text, prefix text, scopes text[], days int) :json
-- else: CONFLICT
select id, name, prefix, scopes, expires_at, last_used_at, created_at
from make_access_token(:id, :person, :name, decode(:hash, 'hex'), :prefix, :scopes, :days);

-- name: access_token_list(person uuid) :json_list
select id, name, prefix, scopes, expires_at, last_used_at, created_at
from access_tokens
where user_id = active_user(:person) and revoked_at is null and expires_at > now()
order by created_at desc, id desc limit 100;

-- name: access_token_end(id uuid, person uuid) :none
-- else: NOT_FOUND
update access_tokens set revoked_at = now()
where id = :id and user_id = active_user(:person) and revoked_at is null and expires_at > now();
