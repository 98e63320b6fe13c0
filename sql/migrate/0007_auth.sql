-- Ended sessions stay ended by every clock, and an address that GitHub no longer vouches for goes.

-- For the sweep of those that are over.
create index access_tokens_over on access_tokens (least(expires_at, revoked_at));

-- The programs' clocks may lie a minute apart (jwt_check allows as much), so a mark outlives the
-- last access token by that.
create or replace function end_sessions(person uuid, one uuid, but uuid, why text)
returns table (id uuid, seconds bigint)
language sql security definer set search_path = public, pg_temp as $$
  with ended as (
    update sessions s set revoked_at = now(), ended_by = why
    where s.user_id = person and s.revoked_at is null and s.expires_at > now()
      and (one is null or s.id = one) and (but is null or s.id <> but)
    returning s.id, s.tokens_until
  ), told as (
    insert into outbox (kind, target, name, room, data)
    select 'event', 'rt', 'revoke', 'control', jsonb_build_object('sid', e.id) from ended e
  )
  select e.id, greatest(ceil(extract(epoch from e.tokens_until - now())), 0)::bigint + 60 from ended e
$$;

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
      coalesce(case when profile->>'avatar_url' ~ '^https?://[^[:space:][:cntrl:]]+$'
        and length(profile->>'avatar_url') <= 500 then profile->>'avatar_url' end,
        o.avatar_url) as avatar_url,
      case when profile ? 'email' then clean_line(profile->>'email', 320) else o.email end as email,
      coalesce(o.full_name, clean_line(profile->>'name', 100)) as full_name,
      coalesce(o.bio, clean_line(profile->>'bio', 500)) as bio,
      coalesce(o.company, clean_line(profile->>'company', 100)) as company,
      coalesce(o.location, clean_line(profile->>'location', 100)) as location,
      coalesce(o.website, case when length(b.blog) > 200 then null
        when b.blog ~* '^https?://[^[:space:]]+$' then b.blog
        when b.blog ~ '^[A-Za-z0-9-]+([.][A-Za-z0-9-]+)+(/[^[:space:]]*)?$' and length(b.blog) <= 192
        then 'https://' || b.blog end) as website
    from (select btrim(profile->>'blog') as blog) b) p
  where o.id = person and u.id = o.id
    and (u.github_username, u.github_followers, u.github_following, u.github_public_repos,
      u.avatar_url, u.email, u.full_name, u.bio, u.company, u.location, u.website)
    is distinct from (p.login, p.followers, p.following, p.public_repos, p.avatar_url, p.email,
      p.full_name, p.bio, p.company, p.location, p.website)
$$;
