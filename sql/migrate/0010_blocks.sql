-- A page of a person's repositories, as GitHub has them now. What has no name that can stand in
-- a path is left out. That one is in the list says nothing of a block: its languages, which every
-- pass asks for, do.
create or replace function take_repositories(person uuid, page text, list jsonb)
returns table (created bigint, updated bigint, renamed bigint, unchanged bigint)
language sql security definer set search_path = public, pg_temp as $$
  with run as materialized (select run_of(person) as id), listed as (
    select distinct on (r.id) r.id, r.name, r.full_name,
      clean_line(r.description, 1000) as description, r.html_url,
      url_or_null(r.homepage, 500) as homepage, clean_line(r.language, 100) as language,
      array(select left(t, 50) from jsonb_array_elements_text(coalesce(r.topics, '[]')) t limit 30) as topics,
      coalesce(r.stars, 0) as stars, coalesce(r.forks, 0) as forks,
      coalesce(r.is_fork, false) as is_fork, coalesce(r.is_archived, false) as is_archived,
      time_or_null(r.pushed_at) as pushed_at
    from jsonb_to_recordset(list) as r(id bigint, name text, full_name text, description text,
      html_url text, homepage text, language text, topics jsonb, stars bigint, forks bigint,
      is_fork boolean, is_archived boolean, pushed_at text)
    where r.id > 0 and r.name ~ '^[A-Za-z0-9._-]{1,100}$' and r.name !~ '^[.]{1,2}$'
      and r.full_name ~ '^[A-Za-z0-9_-]{1,100}/[A-Za-z0-9._-]{1,100}$'
      and r.full_name !~ '/[.]{1,2}$' and url_or_null(r.html_url, 500) is not null
    order by r.id
  ), taken as (
    insert into repositories as o (id, user_id, github_id, name, full_name, description, html_url,
      homepage, language, topics, stars_count, forks_count, is_fork, is_archived, pushed_at,
      page_url, run_id)
    select uuid_v7(), person, l.id, l.name, l.full_name, l.description, l.html_url, l.homepage,
      l.language, l.topics, l.stars, l.forks, l.is_fork, l.is_archived, l.pushed_at, page,
      (select id from run)
    from listed l
    on conflict on constraint repositories_github_key do update set
      name = excluded.name, full_name = excluded.full_name, description = excluded.description,
      html_url = excluded.html_url, homepage = excluded.homepage, language = excluded.language,
      topics = excluded.topics, stars_count = excluded.stars_count,
      forks_count = excluded.forks_count, is_fork = excluded.is_fork,
      is_archived = excluded.is_archived, pushed_at = excluded.pushed_at,
      page_url = coalesce(excluded.page_url, o.page_url), misses = 0,
      run_id = coalesce(excluded.run_id, o.run_id),
      sync_state = case when o.sync_state in ('blocked', 'forbidden') then o.sync_state
        when o.full_name <> excluded.full_name then 'renamed'
        when (o.description, o.homepage, o.language, o.topics, o.stars_count, o.forks_count,
            o.is_fork, o.is_archived, o.pushed_at) is distinct from
          (excluded.description, excluded.homepage, excluded.language, excluded.topics,
            excluded.stars_count, excluded.forks_count, excluded.is_fork, excluded.is_archived,
            excluded.pushed_at) then 'synced'
        else 'unchanged' end,
      sync_note = case when o.sync_state in ('blocked', 'forbidden') then o.sync_note
        when o.full_name <> excluded.full_name then 'was ' || o.full_name end,
      synced_at = now()
    returning xmax = 0 as is_new, sync_state
  )
  select count(*) filter (where is_new),
    count(*) filter (where not is_new and sync_state in ('synced', 'renamed')),
    count(*) filter (where not is_new and sync_state = 'renamed'),
    count(*) filter (where not is_new and sync_state not in ('synced', 'renamed'))
  from taken
$$;
