-- What `codegramctl seed` adds, a batch of rows at a time: each parameter is a column. Only new
-- rows come in, and `_total` says how many. A row's time is the one in its UUIDv7, so that the
-- order of ids is the order of times.
-- by: codegram-ctl

-- A name that somebody else has is left to them (and snippets by that name are theirs) when
-- `share`, else an error.
-- name: seed_users(ids text[], usernames text[], full_names text[], share bool) :json
with added as (
  insert into users (id, username, full_name, created_at, updated_at)
  select came.id, came.username, nullif(came.full_name, ''), made, made
  from unnest(:ids::uuid[], :usernames, :full_names) as came(id, username, full_name),
    from_micros(('x' || left(replace(came.id::text, '-', ''), 12))::bit(48)::bigint * 1000) made
  where not (:share and exists(select from users u where u.username_key = lower(came.username)))
  on conflict (id) do nothing
  returning id
)
select count(*) as "_total" from added;

-- name: seed_snippets(ids text[], authors text[], titles text[], descriptions text[], codes text[], languages text[], filenames text[], tags text[], likes text[]) :json
with added as (
  insert into snippets (id, author_id, title, description, code, language, filename, tags,
    likes_count, created_at, updated_at)
  select came.id, (select u.id from users u where u.username_key = lower(came.author)), came.title,
    nullif(came.description, ''), came.code, came.language, nullif(came.filename, ''),
    string_to_array(came.tags, ','), came.likes, made, made
  from unnest(:ids::uuid[], :authors, :titles, :descriptions, :codes, :languages, :filenames,
      :tags, :likes::bigint[])
      as came(id, author, title, description, code, language, filename, tags, likes),
    from_micros(('x' || left(replace(came.id::text, '-', ''), 12))::bit(48)::bigint * 1000) made
  on conflict (id) do nothing
  returning id
)
select count(*) as "_total" from added;

-- Snippets that came with these likes have their count already; the others are mended.
-- name: seed_likes(snippets text[], users text[], times text[]) :json
with added as (
  insert into snippet_likes (snippet_id, user_id, created_at)
  select snippet, person, from_micros(micros)
  from unnest(:snippets::uuid[], :users::uuid[], :times::bigint[]) as came(snippet, person, micros)
  on conflict do nothing
  returning snippet_id
), counts as (
  select snippet_id, count(*) +
    (select count(*) from snippet_likes l where l.snippet_id = added.snippet_id) as n
  from added group by snippet_id
), mended as (
  update snippets s set likes_count = counts.n from counts
  where s.id = counts.snippet_id and s.likes_count <> counts.n
)
select count(*) as "_total" from added;

-- name: seed_follows(followers text[], followed text[], times text[]) :json
with added as (
  insert into follows (follower_id, followed_id, created_at)
  select follower, person, from_micros(micros)
  from unnest(:followers::uuid[], :followed::uuid[], :times::bigint[])
    as came(follower, person, micros)
  on conflict do nothing
  returning follower_id, followed_id
), counts as (
  select id, sum(followers) as followers, sum(following) as following from (
    select followed_id as id, 1 as followers, 0 as following from added
    union all select follower_id, 0, 1 from added) each_end
  group by id
), counted as (
  update users u set followers_count = u.followers_count + counts.followers,
    following_count = u.following_count + counts.following
  from counts where u.id = counts.id
)
select count(*) as "_total" from added;
