-- What codegramctl asks.
-- by: codegram-ctl

-- name: server_time() :one=server_time
select (extract(epoch from clock_timestamp()) * 1000000)::bigint as micros;

-- A person, also one who is suspended or deleted.
-- name: user_shown(username text) :one=user_shown
select u.id, u.username, coalesce(u.full_name, '') as full_name, coalesce(u.email, '') as email,
  u.role, case when u.deleted_at is not null then 'deleted'
    when u.suspended_at is not null then 'suspended' else 'active' end as standing,
  to_seconds(u.created_at) as created_at, coalesce(to_seconds(u.last_seen_at), 0) as last_seen_at,
  (select count(*) from sessions s where s.user_id = u.id and s.revoked_at is null
    and s.expires_at > now()) as sessions,
  (select count(*) from access_tokens t where t.user_id = u.id and t.revoked_at is null
    and t.expires_at > now()) as access_tokens,
  coalesce(g.login, '') as github_login, coalesce(g.state, 'none') as github,
  coalesce(g.reason, '') as github_reason,
  u.snippets_count, u.followers_count, u.following_count
from users u left join github_connections g on g.user_id = u.id
where u.username_key = plain_lower(:username);

-- Back among the others, with the sessions whose tokens say admin; nothing of who is none.
-- name: user_admin_off(id uuid) :many=session_ended
with off as (update users set role = 'user' where id = :id and role = 'admin' returning id)
select e.id, e.seconds from off, end_sessions(off.id, null, null, 'account') e;
