-- Snippets. A private one is seen by its author alone, and is not there for anybody else.

-- name: snippet_card(id uuid, viewer uuid) :json
-- optional: viewer
select s.id, s.title, s.description, s.code, false as code_is_cut, s.code_size, s.language,
  s.filename, s.tags, s.is_public, s.forked_from, s.version, s.likes_count, s.comments_count,
  s.views_count, s.forks_count, s.created_at, s.updated_at,
  a.id as "author.id", a.username as "author.username", a.full_name as "author.full_name",
  a.avatar_url as "author.avatar_url",
/*? viewer */ exists(select from snippet_likes l where l.snippet_id = s.id and l.user_id = :viewer) as "viewer.liked",
/*? viewer */ exists(select from follows f where f.follower_id = :viewer and f.followed_id = a.id) as "viewer.following_author",
/*? viewer */ s.author_id = (select active_user(:viewer)) as "viewer.can_edit",
  s.version as "_version", s.is_public as "_public"
from snippets s join users a on a.id = s.author_id
where s.id = :id and a.deleted_at is null
/*? viewer */ and (s.is_public or s.author_id = :viewer);
/*? !viewer */ and s.is_public;

-- name: snippet_raw(id uuid, viewer uuid) :one=snippet_raw
-- optional: viewer
select s.code, s.version, s.is_public from snippets s join users a on a.id = s.author_id
where s.id = :id and a.deleted_at is null
/*? viewer */ and (select active_user(:viewer)) is not null
/*? viewer */ and (s.is_public or s.author_id = :viewer);
/*? !viewer */ and s.is_public;

-- What is about to be deleted is locked for that at once: to ask for more later would be to wait
-- for others while they wait.
-- name: snippet_head(id uuid, viewer uuid, with_code bool, to_delete bool) :one=snippet_head
-- optional: with_code, to_delete
select s.id, s.author_id, s.version, s.is_public, s.filename
/*? with_code */ , left(s.code, 4096) as code
from active_user(:viewer) viewer, snippets s
where s.id = :id and (s.is_public or s.author_id = viewer)
/*? !to_delete */ for no key update of s;
/*? to_delete */ for update of s;

-- name: snippet_create(id uuid, author uuid, title text, description text, code text, language text, filename text, tags text[], is_public bool) :none
insert into snippets (id, author_id, title, description, code, language, filename, tags, is_public)
values (:id, active_user(:author), :title, nullif(:description, ''), :code, :language,
  nullif(:filename, ''), coalesce(:tags, '{}'), :is_public);

-- name: snippet_edit(id uuid, version int, given text[], title text, description text, code text, language text, filename text, tags text[], is_public bool) :none
-- else: CHANGED
update snippets set
  title = case when 'title' = any(:given) then :title else title end,
  description = case when 'description' = any(:given) then nullif(:description, '') else description end,
  code = case when 'code' = any(:given) then :code else code end,
  language = coalesce(:language, language),
  filename = case when 'filename' = any(:given) then nullif(:filename, '') else filename end,
  tags = case when 'tags' = any(:given) then coalesce(:tags, '{}') else tags end,
  is_public = case when 'is_public' = any(:given) then :is_public else is_public end,
  version = version + 1, updated_at = now()
where id = :id and version = :version;

-- name: snippet_delete(id uuid, version int) :none
-- else: CHANGED
delete from snippets where id = :id and version = :version;

-- How much tags and author would let through: rows of the tags' kept counts (all together, and
-- the greatest), and how many authors match (up to 201).
-- name: snippet_weight(tags text[], author text) :one=snippet_weight
-- optional: tags, author
select
/*? tags */ coalesce((select sum(count) from tally where kind = 'tag' and name = any(:tags)), 0)::bigint as tags,
/*? tags */ coalesce((select max(n) from (select sum(count) as n from tally where kind = 'tag' and name = any(:tags) group by name) each), 0)::bigint as greatest,
/*? author */ (select count(*) from (select from users where username_key ~~ like_part(plain_lower(:author)) limit 201) few) as authors,
  0 as nothing;

-- Plans are generic (adapter/postgres.c), so the planner does not know :limit; the constant
-- limit around it says that a page is small.
-- Page by page (count, offset) or as a stream (after_…). The kept counts answer for the usual
-- filters (:known, unless it is -1); the others are counted up to 10,000 and then said to be
-- more. `common`: tags and author let so much through that walking the order's own index finds a
-- page soonest, so they must not be looked up in theirs ("is true" does that).
-- name: snippet_page(viewer uuid, language text, tags text[], author text, sort, after_key text, after_id uuid, common bool, count bool, known int, limit int, offset int) :json_list
-- choose: sort(newest, oldest, most_liked, most_commented, trending)
-- optional: viewer, language, tags, author, after_id, common, count
with
/*? author */ authors as materialized (select array(select id from users u where u.username_key ~~ like_part(plain_lower(:author))) as ids),
/*? count */ total as (select
/*? count !language !tags !author */ coalesce(sum(count), 0) as n from tally where kind = 'snippet'
/*? count language !tags !author */ coalesce(sum(count), 0) as n from tally where kind = 'language' and name = :language
/*? count tags|author */ case when :known <> -1 then :known else (
/*? count tags|author */   select case when count(*) > 10000 then -10000 else count(*) end from (
/*? count tags|author */   select from snippets s
/*? count tags|author */   where s.is_public
/*? count tags|author language */ and s.language = :language
/*? count tags */ and s.tags && :tags
/*? count author */ and s.author_id = any((select ids from authors)::uuid[])
/*? count tags|author */   limit 10001) counted) end as n
/*? count */ ),
page as (select * from (
  select s.* from snippets s where s.is_public
/*? language */ and s.language = :language
/*? tags !common */ and s.tags && :tags
/*? tags common */ and (s.tags && :tags) is true
/*? author !common */ and s.author_id = any((select ids from authors)::uuid[])
/*? author common */ and (s.author_id = any((select ids from authors)::uuid[])) is true
/*? after_id newest */ and (s.created_at, s.id) < (from_micros(:after_key::bigint), :after_id)
/*? after_id oldest */ and (s.created_at, s.id) > (from_micros(:after_key::bigint), :after_id)
/*? after_id most_liked */ and (s.likes_count, s.id) < (:after_key::bigint, :after_id)
/*? after_id most_commented */ and (s.comments_count, s.id) < (:after_key::bigint, :after_id)
/*? after_id trending */ and (s.heat, s.id) < (:after_key::double precision, :after_id)
/*? newest */ order by s.created_at desc, s.id desc
/*? oldest */ order by s.created_at, s.id
/*? most_liked */ order by s.likes_count desc, s.id desc
/*? most_commented */ order by s.comments_count desc, s.id desc
/*? trending */ order by s.heat desc, s.id desc
  limit :limit + 1 offset :offset
) bounded limit 101)
select s.id, s.title, s.description, s.code_head as code, octet_length(s.code_head) < s.code_size as code_is_cut,
  s.code_size, s.language, s.filename, s.tags, s.is_public, s.forked_from, s.version,
  s.likes_count, s.comments_count, s.views_count, s.forks_count, s.created_at, s.updated_at,
  a.id as "author.id", a.username as "author.username", a.full_name as "author.full_name",
  a.avatar_url as "author.avatar_url",
/*? viewer */ exists(select from snippet_likes l where l.snippet_id = s.id and l.user_id = :viewer) as "viewer.liked",
/*? viewer */ exists(select from follows f where f.follower_id = :viewer and f.followed_id = a.id) as "viewer.following_author",
/*? viewer */ s.author_id = (select active_user(:viewer)) as "viewer.can_edit",
/*? count */ total.n as "_total",
/*? newest|oldest */ to_micros(s.created_at) as "_key",
/*? most_liked */ s.likes_count as "_key",
/*? most_commented */ s.comments_count as "_key",
/*? trending */ s.heat as "_key",
  s.id as "_id"
/*? count */ from total left join (page s join users a on a.id = s.author_id and a.deleted_at is null) on true
/*? !count */ from page s join users a on a.id = s.author_id and a.deleted_at is null
/*? newest */ order by s.created_at desc, s.id desc;
/*? oldest */ order by s.created_at, s.id;
/*? most_liked */ order by s.likes_count desc, s.id desc;
/*? most_commented */ order by s.comments_count desc, s.id desc;
/*? trending */ order by s.heat desc, s.id desc;

-- One person's snippets, newest first; the private ones for their author alone.
-- name: snippet_page_of(username text, viewer uuid, after_key int, after_id uuid, count bool, limit int, offset int) :json_list
-- optional: viewer, after_id, count
with author as (
  select * from users where username_key = lower(:username) and deleted_at is null
), page as (select * from (
  select s.* from snippets s, author
  where s.author_id = author.id
/*? !viewer */ and s.is_public
/*? viewer */ and (s.is_public or s.author_id = :viewer)
/*? after_id */ and (s.created_at, s.id) < (from_micros(:after_key), :after_id)
  order by s.created_at desc, s.id desc
  limit :limit + 1 offset :offset
) bounded limit 101)
select s.id, s.title, s.description, s.code_head as code, octet_length(s.code_head) < s.code_size as code_is_cut,
  s.code_size, s.language, s.filename, s.tags, s.is_public, s.forked_from, s.version,
  s.likes_count, s.comments_count, s.views_count, s.forks_count, s.created_at, s.updated_at,
  author.id as "author.id", author.username as "author.username", author.full_name as "author.full_name",
  author.avatar_url as "author.avatar_url",
/*? viewer */ exists(select from snippet_likes l where l.snippet_id = s.id and l.user_id = :viewer) as "viewer.liked",
/*? viewer */ exists(select from follows f where f.follower_id = :viewer and f.followed_id = author.id) as "viewer.following_author",
/*? viewer */ s.author_id = (select active_user(:viewer)) as "viewer.can_edit",
/*? count !viewer */ author.snippets_count as "_total",
/*? count viewer */ case when author.id = :viewer then (select count(*) from snippets o where o.author_id = :viewer)
/*? count viewer */   else author.snippets_count end as "_total",
  to_micros(s.created_at) as "_key", s.id as "_id"
from author left join page s on true
order by s.created_at desc, s.id desc;
