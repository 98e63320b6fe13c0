-- Signing in by GitHub.
-- by: codegram-login

-- name: auth_state_use(hash text) :one=auth_state
select use_login_state(decode(:hash, 'hex')) as is_fresh;

-- Whom a GitHub id belongs to.
-- name: auth_user(github_id int) :one=auth_user
select id from users where github_id = :github_id;

-- name: auth_sign_in(person uuid, github_id int, profile text, token text, scopes text[], session uuid, fresh uuid, device text, ip_prefix text, access_seconds int, refresh_seconds int, session_seconds int) :one=auth_signed_in
select outcome, user_id, username, role, issued, expires, access_expires
from sign_in(:person, :github_id, :profile, decode(:token, 'hex'), :scopes, :session, :fresh,
  :device, :ip_prefix, :access_seconds, :refresh_seconds, :session_seconds);

-- name: auth_user_own(id uuid) :json
-- else: BAD_TOKEN
select u.id, u.username, u.full_name, u.bio, u.location, u.company, u.website, u.avatar_url,
  u.github_username, u.github_followers, u.github_following, u.github_public_repos,
  u.followers_count, u.following_count, u.snippets_count, u.docs_count, u.created_at,
  u.email, u.role, u.last_seen_at, u.updated_at, u.github_id is not null as github_connected
from users u where u.id = active_user(:id);
