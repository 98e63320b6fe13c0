-- Texts: what a person has edited stays as it was left, and only ASCII has a lower case where names
-- are compared.

-- The words of the profile that the person wrote or cleared here, so GitHub's never come back.
alter table users add column edited text[] not null default '{}';

-- Usernames, tags and names of languages are ASCII. Null for any other text, which so finds none,
-- where the Kelvin sign would be a k and a dotted I an i.
create function plain_lower(words text) returns text
language sql immutable parallel safe as $$
  select case when octet_length($1) = length($1) then lower($1) end
$$;

create or replace function url_or_null(words text, longest int) returns text
language sql immutable parallel safe as $$
  select case when $1 ~* '^https?://[^[:space:][:cntrl:]]+$' and length($1) <= $2 then $1 end
$$;

-- What GitHub says of a person, cleaned by the caller: figures and picture always, words only
-- where the person has none here and did not clear them.
-- An address is told by a sign-in alone, null when none is both primary and verified any more;
-- who does not tell one leaves it.
create or replace function take_github_profile(person uuid, profile jsonb) returns void
language sql security definer set search_path = public, pg_temp as $$
  update users u set github_username = p.login, github_followers = p.followers,
    github_following = p.following, github_public_repos = p.public_repos,
    avatar_url = p.avatar_url, email = p.email, full_name = p.full_name, bio = p.bio,
    company = p.company, location = p.location, website = p.website,
    version = u.version + 1, updated_at = now()
  from users o cross join lateral (select
      coalesce(profile->>'login', o.github_username) as login,
      coalesce((profile->>'followers')::bigint, o.github_followers) as followers,
      coalesce((profile->>'following')::bigint, o.github_following) as following,
      coalesce((profile->>'public_repos')::bigint, o.github_public_repos) as public_repos,
      coalesce(url_or_null(profile->>'avatar_url', 500), o.avatar_url) as avatar_url,
      case when profile ? 'email' then clean_line(profile->>'email', 320) else o.email end as email,
      case when 'full_name' = any(o.edited) then o.full_name
        else coalesce(o.full_name, clean_line(profile->>'name', 100)) end as full_name,
      case when 'bio' = any(o.edited) then o.bio
        else coalesce(o.bio, clean_line(profile->>'bio', 500)) end as bio,
      case when 'company' = any(o.edited) then o.company
        else coalesce(o.company, clean_line(profile->>'company', 100)) end as company,
      case when 'location' = any(o.edited) then o.location
        else coalesce(o.location, clean_line(profile->>'location', 100)) end as location,
      case when 'website' = any(o.edited) then o.website
        else coalesce(o.website, url_or_null(profile->>'website', 200)) end as website) p
  where o.id = person and u.id = o.id
    and (u.github_username, u.github_followers, u.github_following, u.github_public_repos,
      u.avatar_url, u.email, u.full_name, u.bio, u.company, u.location, u.website)
    is distinct from (p.login, p.followers, p.following, p.public_repos, p.avatar_url, p.email,
      p.full_name, p.bio, p.company, p.location, p.website)
$$;

-- Addresses that came in before there was one rule for them: what is surely good stays, the rest
-- is asked for once more, and judged.
update users set website = null
where website !~* '^https?://[[:alnum:]][^][:space:][:cntrl:]<>"\\^`{|}@:/?#]*(:[0-9]{1,5})?([/?#][^[:space:][:cntrl:]<>"\\^`{|}]*)?$';
with odd as (
  update repositories set homepage = null
  where homepage !~* '^https?://[a-z0-9][a-z0-9.-]*(:[0-9]{1,5})?([/?#][!-;=?-~]*)?$'
  returning user_id
)
delete from github_pages where user_id in (select user_id from odd);
with odd as (
  update users set avatar_url = null
  where avatar_url !~* '^https?://[a-z0-9][a-z0-9.-]*(:[0-9]{1,5})?([/?#][!-;=?-~]*)?$'
  returning id
)
delete from github_pages where url = '/user' and user_id in (select id from odd);
