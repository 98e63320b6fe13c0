-- Calendars of contributions, a quarter in a row.

-- Quarters from :first to :last that are not known, stale, or still moving, but for what this
-- pass has asked for already.
-- name: contribution_wanted(person uuid, run uuid, first text, last text) :many=contribution_quarter
-- by: codegram-worker
select to_char(q, 'YYYY-MM-DD') as quarter,
  to_char(least(q + interval '3 months' - interval '1 day', (now() at time zone 'UTC')::date), 'YYYY-MM-DD') as last_day
from generate_series(date_trunc('quarter', :first::date), :last::date, interval '3 months') q
left join github_contributions c on c.user_id = :person and c.quarter = q::date
where c.user_id is null or (c.run_id is distinct from :run
  and (c.is_stale or c.synced_at < q + interval '3 months 7 days'))
order by q desc limit 80;

-- days: numbers between braces, as PostgreSQL writes an array.
-- name: contribution_take(person uuid, run uuid, quarter text, days text) :none
-- by: codegram-worker
insert into github_contributions (user_id, run_id, quarter, days)
values (:person, :run, :quarter::date, :days::int[])
on conflict (user_id, quarter) do update set days = excluded.days, is_stale = false,
  synced_at = now(), run_id = excluded.run_id;

-- It does not come: what was known of it stays.
-- name: contribution_stale(person uuid, run uuid, quarter text) :none
-- by: codegram-worker
insert into github_contributions (user_id, run_id, quarter, days, is_stale)
values (:person, :run, :quarter::date, '{}', true)
on conflict (user_id, quarter) do update set is_stale = true, run_id = excluded.run_id;

-- Known when every quarter of it is that began more than eight days ago.
-- name: contribution_state(username text, year int) :one=contribution_state
select exists (select from github_contributions c where c.user_id = u.id
    and c.quarter >= make_date(:year::int, 1, 1) and c.quarter < make_date(:year::int + 1, 1, 1))
  and not exists (select from generate_series(make_date(:year::int, 1, 1)::timestamp,
      least(make_date(:year::int, 12, 31), (now() at time zone 'UTC')::date - 8)::timestamp, interval '3 months') q
    where not exists (select from github_contributions c where c.user_id = u.id and c.quarter = q::date)) as known,
  exists (select from github_connections c where c.user_id = u.id and c.state = 'connected') as connected
from users u where u.username_key = lower(:username) and u.deleted_at is null;

-- A year's days. A streak is of days in a row with contributions; the current one may end
-- yesterday.
-- name: contribution_year(username text, year int) :json
with person as (
  select id, github_id from users where username_key = lower(:username) and deleted_at is null
), day as (
  select (c.quarter + (d.nth - 1)::int) as at, d.n
  from person p join github_contributions c on c.user_id = p.id
    and c.quarter >= make_date(:year::int, 1, 1) and c.quarter < make_date(:year::int + 1, 1, 1)
  cross join lateral unnest(c.days) with ordinality d(n, nth)
), streak as (
  select count(*) as length, max(at) as last from (
    select at, at - (row_number() over (order by at))::int as island from day where n > 0) i
  group by island
)
select :year as year, coalesce((select sum(n) from day), 0)::bigint as total,
  coalesce((select max(length) from streak), 0) as longest_streak,
  coalesce((select length from streak where last >= (now() at time zone 'UTC')::date - 1 order by last desc limit 1), 0) as current_streak,
  coalesce((select jsonb_agg(jsonb_build_object('date', to_char(at, 'YYYY-MM-DD'), 'count', n) order by at) from day), '[]') as days,
  (select min(c.synced_at) from github_contributions c where c.user_id = p.id
    and c.quarter >= make_date(:year::int, 1, 1) and c.quarter < make_date(:year::int + 1, 1, 1)) as synced_at,
  coalesce((select bool_or(c.is_stale) from github_contributions c where c.user_id = p.id
    and c.quarter >= make_date(:year::int, 1, 1) and c.quarter < make_date(:year::int + 1, 1, 1)), false) as is_stale
from person p;

-- name: contribution_ask(username text, year int, job_id text) :one=github_asked
select ask_contributions(id, :year, :job_id) as job_id
from users where username_key = lower(:username) and deleted_at is null;
