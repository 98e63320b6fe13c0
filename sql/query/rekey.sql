-- Sealed tokens that another key than the current one has sealed (adapter/seal.h: "v1", then
-- eight bytes that name the key).
-- by: codegram-ctl

-- name: rekey_count(kid text) :one=rekey_count
select count(*) as tokens,
  count(*) filter (where substr(token, 1, 10) <> convert_to('v1' || :kid, 'UTF8')) as old
from github_connections where token is not null;

-- name: rekey_old(kid text, behind uuid, limit int) :many=rekey_row
select user_id, encode(token, 'hex') as token
from github_connections
where token is not null and user_id > coalesce(:behind, '00000000-0000-0000-0000-000000000000')
  and substr(token, 1, 10) <> convert_to('v1' || :kid, 'UTF8')
order by user_id limit :limit;

-- A token that changed meanwhile is a new one, sealed by a key of now: it stays.
-- name: rekey_put(users text[], before text[], after text[]) :one=rekey_put
with put as (
  update github_connections c set token = decode(n.after, 'hex')
  from unnest(:users, :before, :after) n (user_id, before, after)
  where c.user_id = n.user_id::uuid and c.token = decode(n.before, 'hex')
  returning 1
)
select count(*) as changed from put;
