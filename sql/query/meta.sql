-- The service itself.

-- name: schema_state() :one=schema_state
select coalesce(max(number), 0) as number from schema_migrations;

-- name: probe_write() :none
select probe_write();

-- name: language_list() :json_list
select name, sum(count)::bigint as snippets_count
from tally where kind = 'language' group by name having sum(count) > 0
order by 2 desc, 1;

-- name: tag_list(q text, limit int) :json_list
-- optional: q
select name, sum(count)::bigint as snippets_count
from tally where kind = 'tag'
/*? q */ and starts_with(name, plain_lower(:q))
group by name having sum(count) > 0
order by 2 desc, 1 limit :limit;
