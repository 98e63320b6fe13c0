-- People, sessions, snippets, and the counts that lists need.

create extension if not exists pg_trgm;

-- For cursors: exact both ways, as whole microseconds.
create function to_micros(at timestamptz) returns bigint
language sql stable parallel safe as $$ select (extract(epoch from $1) * 1000000)::bigint $$;
create function from_micros(micros bigint) returns timestamptz
language sql stable parallel safe as $$
  select timestamptz '1970-01-01 00:00:00Z' + $1 * interval '1 microsecond'
$$;

-- A LIKE pattern that finds the text anywhere, in lower case, with % and _ as themselves.
create function like_part(part text) returns text
language sql immutable parallel safe as $$
  select '%' || replace(replace(replace(lower($1), '\', '\\'), '%', '\%'), '_', '\_') || '%'
$$;

create table users (
  id uuid primary key,
  github_id bigint constraint users_github_id_key unique,
  username text not null constraint users_username_check
    check (username ~ '^[A-Za-z0-9](-?[A-Za-z0-9])*$' and length(username) <= 39),
  username_key text not null generated always as (lower(username)) stored
    constraint users_username_key unique,
  full_name text check (length(full_name) <= 100),
  bio text check (length(bio) <= 500),
  location text check (length(location) <= 100),
  company text check (length(company) <= 100),
  website text check (length(website) <= 200),
  avatar_url text,
  email text,
  role text not null default 'user' check (role in ('user', 'admin')),
  github_username text,
  github_followers bigint not null default 0,
  github_following bigint not null default 0,
  github_public_repos bigint not null default 0,
  followers_count bigint not null default 0,
  following_count bigint not null default 0,
  snippets_count bigint not null default 0,
  docs_count bigint not null default 0,
  version bigint not null default 1,
  suspended_at timestamptz,
  deleted_at timestamptz,
  last_seen_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index users_followers on users (followers_count desc, id desc) where deleted_at is null;
create index users_newest on users (created_at desc, id desc) where deleted_at is null;
create index users_username_part on users using gin (username_key gin_trgm_ops);
create index users_words on users using gin (lower(username || ' ' || coalesce(full_name, '')) gin_trgm_ops);

create table sessions (
  id uuid primary key,
  user_id uuid not null references users on delete cascade,
  device text not null default '',
  ip_prefix text,
  created_at timestamptz not null default now(),
  last_used_at timestamptz not null default now(),
  expires_at timestamptz not null,
  revoked_at timestamptz
);
create index sessions_user on sessions (user_id, created_at desc);

create table follows (
  follower_id uuid not null references users on delete cascade,
  followed_id uuid not null references users on delete cascade,
  created_at timestamptz not null default now(),
  primary key (follower_id, followed_id),
  constraint follows_not_oneself check (follower_id <> followed_id)
);
create index follows_followed on follows (followed_id, created_at desc);

create table blocks (
  blocker_id uuid not null references users on delete cascade,
  blocked_id uuid not null references users on delete cascade,
  created_at timestamptz not null default now(),
  primary key (blocker_id, blocked_id),
  constraint blocks_not_oneself check (blocker_id <> blocked_id)
);

-- code_head is kept beside the code so that no list ever fetches the whole of it.
create table snippets (
  id uuid primary key,
  author_id uuid not null references users on delete cascade,
  title text not null check (length(title) between 1 and 200),
  description text check (length(description) <= 2000),
  code text not null constraint snippets_code_check check (octet_length(code) between 1 and 262144),
  code_head text not null generated always as (left(code, 1000)) stored,
  code_size bigint not null generated always as (octet_length(code)) stored,
  language text not null,
  filename text check (length(filename) <= 255),
  tags text[] not null default '{}' check (cardinality(tags) <= 10),
  is_public boolean not null default true,
  forked_from uuid references snippets on delete set null,
  version bigint not null default 1,
  likes_count bigint not null default 0,
  comments_count bigint not null default 0,
  views_count bigint not null default 0,
  forks_count bigint not null default 0,
  -- Ten likes weigh as much as twelve and a half hours of youth; never needs a recount.
  heat double precision not null generated always as
    (log(greatest(likes_count, 1)) + extract(epoch from created_at at time zone 'UTC')::double precision / 45000) stored,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index snippets_newest on snippets (created_at desc, id desc) where is_public;
create index snippets_liked on snippets (likes_count desc, id desc) where is_public;
create index snippets_commented on snippets (comments_count desc, id desc) where is_public;
create index snippets_heat on snippets (heat desc, id desc) where is_public;
create index snippets_language on snippets (language, created_at desc, id desc) where is_public;
create index snippets_author on snippets (author_id, created_at desc, id desc);
create index snippets_tags on snippets using gin (tags) where is_public;
create index snippets_forked_from on snippets (forked_from) where forked_from is not null;

create table snippet_likes (
  snippet_id uuid not null references snippets on delete cascade,
  user_id uuid not null references users on delete cascade,
  created_at timestamptz not null default now(),
  primary key (snippet_id, user_id)
);
create index snippet_likes_user on snippet_likes (user_id, created_at desc);

-- Counts of public snippets: all of them (kind 'snippet', name ''), by language, by tag. Spread
-- over 16 slots by the backend's pid, so writers seldom wait for one another; a count is the sum.
create table tally (
  kind text not null,
  name text not null,
  slot smallint not null,
  count bigint not null,
  primary key (kind, name, slot)
);

-- Called with the rows that came (sign 1) or went (-1).
create function snippets_count(ids uuid[], languages text[], tag_lists text[], sign int) returns void
language plpgsql as $$
begin
  if cardinality(ids) = 0 then
    return;
  end if;
  insert into tally
    select kind, name, pg_backend_pid() % 16, sum(n) * sign from (
      select 'snippet' as kind, '' as name, cardinality(ids) as n
      union all select 'language', language, count(*) from unnest(languages) language group by 2
      union all select 'tag', tag, count(*) from unnest(tag_lists) tag group by 2
    ) changes group by 1, 2 order by 1, 2
  on conflict (kind, name, slot) do update set count = tally.count + excluded.count;
  update users set snippets_count = snippets_count + sign * change.n
    from (select author, count(*) as n from unnest(ids) author group by 1 order by 1) change
    where users.id = change.author;
end
$$;

create function snippets_come() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform snippets_count(
    array(select author_id from come where is_public),
    array(select language from come where is_public),
    array(select unnest(tags) from come where is_public), 1);
  return null;
end
$$;

create function snippets_go() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform snippets_count(
    array(select author_id from gone where is_public),
    array(select language from gone where is_public),
    array(select unnest(tags) from gone where is_public), -1);
  return null;
end
$$;

create function snippets_change() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if old.is_public then
    perform snippets_count(array[old.author_id], array[old.language], old.tags, -1);
  end if;
  if new.is_public then
    perform snippets_count(array[new.author_id], array[new.language], new.tags, 1);
  end if;
  return null;
end
$$;

create trigger snippets_come after insert on snippets
  referencing new table as come for each statement execute function snippets_come();
create trigger snippets_go after delete on snippets
  referencing old table as gone for each statement execute function snippets_go();
create trigger snippets_change after update of language, tags, is_public on snippets
  for each row when ((old.language, old.tags, old.is_public) is distinct from
    (new.language, new.tags, new.is_public))
  execute function snippets_change();

-- The person behind a token, if still there: every write names its author through this, so a
-- suspended or deleted person is refused inside the statement itself.
create function active_user(id uuid) returns uuid
language plpgsql stable security definer set search_path = public, pg_temp as $$
declare
  person record;
begin
  select u.suspended_at, u.deleted_at into person from users u where u.id = $1;
  if not found or person.deleted_at is not null then
    raise exception 'no such user' using errcode = 'CG401';
  end if;
  if person.suspended_at is not null then
    raise exception 'suspended' using errcode = 'CG403';
  end if;
  return $1;
end
$$;
