-- People.

-- name: user_card(username text, viewer uuid) :json
-- optional: viewer
select u.id, u.username, u.full_name, u.bio, u.location, u.company, u.website, u.avatar_url,
  u.github_username, u.github_followers, u.github_following, u.github_public_repos,
  u.followers_count, u.following_count, u.snippets_count, u.docs_count, u.created_at,
/*? viewer */ exists(select from follows f where f.follower_id = :viewer and f.followed_id = u.id) as "viewer.following",
/*? viewer */ exists(select from follows f where f.follower_id = u.id and f.followed_id = :viewer) as "viewer.followed_by",
/*? viewer */ exists(select from blocks b where b.blocker_id = :viewer and b.blocked_id = u.id) as "viewer.blocked",
  u.version as "_version"
from users u
where u.username_key = lower(:username) and u.deleted_at is null
/*? viewer */ and (select active_user(:viewer)) is not null
;

-- name: user_own(id uuid) :json
-- else: BAD_TOKEN
select u.id, u.username, u.full_name, u.bio, u.location, u.company, u.website, u.avatar_url,
  u.github_username, u.github_followers, u.github_following, u.github_public_repos,
  u.followers_count, u.following_count, u.snippets_count, u.docs_count, u.created_at,
  u.email, u.role, u.last_seen_at, u.updated_at, u.github_id is not null as github_connected,
  u.version as "_version"
from users u where u.id = active_user(:id);

-- name: user_head(id uuid) :one=user_head
-- else: BAD_TOKEN
select id, username, role, version from users where id = active_user(:id) for no key update;

-- name: user_edit(id uuid, version int, given text[], full_name text, bio text, location text, company text, website text) :none
-- else: CHANGED
update users set
  full_name = case when 'full_name' = any(:given) then nullif(:full_name, '') else full_name end,
  bio = case when 'bio' = any(:given) then nullif(:bio, '') else bio end,
  location = case when 'location' = any(:given) then nullif(:location, '') else location end,
  company = case when 'company' = any(:given) then nullif(:company, '') else company end,
  website = case when 'website' = any(:given) then nullif(:website, '') else website end,
  edited = array(select distinct field from unnest(edited || :given) field order by field),
  version = version + 1, updated_at = now()
where id = :id and version = :version;

-- A username by its start, or a full name by a word's part.
-- name: user_page(viewer uuid, q text, sort, after_key int, after_id uuid, count bool, limit int, offset int) :json_list
-- choose: sort(followers, newest)
-- optional: viewer, q, after_id, count
with
/*? count */ total as (select
/*? count !q */ count(*) as n
/*? count !q */ from users where deleted_at is null
/*? count q */ case when count(*) > 10000 then -10000 else count(*) end as n
/*? count q */ from (select from users u where u.deleted_at is null
/*? count q */   and (starts_with(u.username_key, plain_lower(:q)) or lower(coalesce(u.full_name, '')) ~~ like_part(:q))
/*? count q */   limit 10001) counted
/*? count */ ),
page as (select * from (
  select u.* from users u where u.deleted_at is null
/*? q */ and lower(u.username || ' ' || coalesce(u.full_name, '')) ~~ like_part(:q)
/*? q */ and (starts_with(u.username_key, plain_lower(:q)) or lower(coalesce(u.full_name, '')) ~~ like_part(:q))
/*? after_id followers */ and (u.followers_count, u.id) < (:after_key, :after_id)
/*? after_id newest */ and (u.created_at, u.id) < (from_micros(:after_key), :after_id)
/*? followers */ order by u.followers_count desc, u.id desc
/*? newest */ order by u.created_at desc, u.id desc
  limit :limit + 1 offset :offset
) bounded limit 101)
select u.id, u.username, u.full_name, u.bio, u.location, u.company, u.website, u.avatar_url,
  u.github_username, u.github_followers, u.github_following, u.github_public_repos,
  u.followers_count, u.following_count, u.snippets_count, u.docs_count, u.created_at,
/*? viewer */ exists(select from follows f where f.follower_id = :viewer and f.followed_id = u.id) as "viewer.following",
/*? viewer */ exists(select from follows f where f.follower_id = u.id and f.followed_id = :viewer) as "viewer.followed_by",
/*? viewer */ exists(select from blocks b where b.blocker_id = :viewer and b.blocked_id = u.id) as "viewer.blocked",
/*? count */ total.n as "_total",
/*? followers */ u.followers_count as "_key",
/*? newest */ to_micros(u.created_at) as "_key",
  u.id as "_id"
/*? count */ from total left join page u on true
/*? !count */ from page u
/*? followers */ order by u.followers_count desc, u.id desc;
/*? newest */ order by u.created_at desc, u.id desc;

-- name: user_by_name(username text) :one=user_head
-- by: codegram-ctl
select id, username, role, version from users
where username_key = plain_lower(:username) and deleted_at is null;

-- name: user_create(id uuid, username text, full_name text) :none
-- by: codegram-ctl
insert into users (id, username, full_name) values (:id, :username, nullif(:full_name, ''))
on conflict (username_key) do nothing;

-- name: user_set_role(id uuid, role text) :none
-- by: codegram-ctl
-- else: NOT_FOUND
update users set role = :role where id = :id;
