-- Repositories that people have at GitHub, as their syncs saw them last.

-- name: repository_take(person uuid, page text, list text) :one=repository_counts
-- by: codegram-worker
select created, updated, renamed, unchanged from take_repositories(:person, :page, :list::jsonb);

-- A page that did not change: all that was on it is still there.
-- name: repository_see(person uuid, page text) :one=repository_seen
-- by: codegram-worker
with seen as (
  update repositories r set misses = 0, synced_at = now(), run_id = s.run_id,
    sync_state = case when sync_state in ('blocked', 'forbidden') then sync_state else 'unchanged' end,
    sync_note = case when sync_state in ('blocked', 'forbidden') then sync_note end
  from github_syncs s
  where r.user_id = :person and r.page_url = :page and s.user_id = r.user_id and s.kind = 'repositories'
  returning 1
)
select count(*) as count from seen;

-- Of what the pass saw, those of which the languages are not known since the last push, and those
-- that were blocked, since they may be no longer; each is asked for once in a pass.
-- name: repository_moved(person uuid, limit int) :many=repository_moved
-- by: codegram-worker
select r.id, r.github_id, r.full_name from repositories r
join github_syncs s on s.user_id = r.user_id and s.kind = 'repositories'
where r.user_id = :person and r.run_id = s.run_id and r.asked_run is distinct from s.run_id
  and (r.languages_of is distinct from coalesce(r.pushed_at, r.created_at)
    or r.sync_state in ('blocked', 'forbidden'))
order by r.pushed_at desc nulls last, r.id limit :limit;

-- name: repository_moved_count(person uuid) :one=repository_seen
-- by: codegram-worker
select count(*) as count from repositories r
join github_syncs s on s.user_id = r.user_id and s.kind = 'repositories'
where r.user_id = :person and r.run_id = s.run_id and r.asked_run is distinct from s.run_id
  and (r.languages_of is distinct from coalesce(r.pushed_at, r.created_at)
    or r.sync_state in ('blocked', 'forbidden'));

-- name: repository_measured(id uuid, languages text) :none
-- by: codegram-worker
update repositories set languages = :languages::jsonb, languages_of = coalesce(pushed_at, created_at),
  sync_note = case when sync_state in ('blocked', 'forbidden', 'gone') then null else sync_note end,
  sync_state = case when sync_state in ('blocked', 'forbidden', 'gone') then 'synced' else sync_state end
where id = :id;

-- Asked for in vain; the next pass asks again. state: null leaves it.
-- name: repository_marked(id uuid, state text, note text) :none
-- by: codegram-worker
update repositories r set sync_state = coalesce(:state, sync_state),
  sync_note = case when :state::text is null then sync_note else left(:note, 200) end,
  asked_run = (select s.run_id from github_syncs s where s.user_id = r.user_id and s.kind = 'repositories')
where r.id = :id;

-- Those that were in no page of the pass.
-- name: repository_missing(person uuid, limit int) :many=repository_moved
-- by: codegram-worker
select r.id, r.github_id, r.full_name from repositories r
join github_syncs s on s.user_id = r.user_id and s.kind = 'repositories'
where r.user_id = :person and r.run_id is distinct from s.run_id and r.asked_run is distinct from s.run_id
order by r.id limit :limit;

-- name: repository_end(person uuid) :one=repository_seen
-- by: codegram-worker
select end_repositories(:person) as count;

-- name: repository_known(person uuid, github_id int) :many=repository_moved
-- by: codegram-worker
select id, github_id, full_name from repositories where user_id = :person and github_id = :github_id;

-- name: repository_gone(person uuid, github_id int, certain bool) :one=repository_seen
-- by: codegram-worker
select miss_repository(:person, :github_id, :certain) as count;

-- name: repository_page(username text, person uuid, language text, sort, after_key int, after_id uuid, count bool, limit int, offset int) :json_list
-- choose: sort(pushed, stars)
-- optional: username, language, after_id, count
with owner as (
/*? username */ select id from users where username_key = lower(:username) and deleted_at is null
/*? !username */ select active_user(:person) as id
),
/*? count */ total as (select owner.id, (select count(*) from repositories r
/*? count */   where r.user_id = owner.id and r.misses = 0
/*? count language */ and lower(r.language) = plain_lower(:language)
/*? count */ ) as n from owner),
page as (select * from (
  select r.* from owner join repositories r on r.user_id = owner.id
  where r.misses = 0
/*? language */ and lower(r.language) = plain_lower(:language)
/*? after_id pushed */ and (coalesce(r.pushed_at, timestamptz 'epoch'), r.id) < (from_micros(:after_key), :after_id)
/*? after_id stars */ and (r.stars_count, r.id) < (:after_key, :after_id)
/*? pushed */ order by coalesce(r.pushed_at, timestamptz 'epoch') desc, r.id desc
/*? stars */ order by r.stars_count desc, r.id desc
  limit :limit + 1 offset :offset
) bounded limit 101)
select r.id, r.github_id, r.name, r.full_name, r.description, r.html_url, r.homepage, r.language,
  r.languages, r.topics, r.stars_count, r.forks_count, r.is_fork, r.is_archived, r.pushed_at,
  r.synced_at, r.sync_state,
/*? !username */ r.sync_note,
/*? count */ total.n as "_total",
/*? pushed */ to_micros(coalesce(r.pushed_at, timestamptz 'epoch')) as "_key",
/*? stars */ r.stars_count as "_key",
  r.id as "_id"
/*? count */ from total left join page r on true
/*? !count */ from owner left join page r on true
/*? pushed */ order by coalesce(r.pushed_at, timestamptz 'epoch') desc, r.id desc;
/*? stars */ order by r.stars_count desc, r.id desc;

-- Bytes of each language over all that are the person's own work.
-- name: repository_languages(username text) :json
select coalesce((select jsonb_agg(jsonb_build_object('language', l.key, 'bytes', l.bytes,
    'repositories', l.n, 'percent', round(100.0 * l.bytes / nullif(l.total, 0), 1)) order by l.bytes desc)
  from (select e.key, sum(e.value::bigint) as bytes, count(*) as n,
      sum(sum(e.value::bigint)) over () as total
    from repositories r, jsonb_each_text(r.languages) e
    where r.user_id = u.id and r.misses = 0 and not r.is_fork
    group by e.key order by 2 desc limit 100) l), '[]') as languages
from users u where u.username_key = lower(:username) and u.deleted_at is null;
