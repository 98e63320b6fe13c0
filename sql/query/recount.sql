-- The counts that triggers and requests keep, counted anew.
-- by: codegram-worker

-- Whoever is about to change a count has the row, or waits for it: so what the next statement
-- counts is what the counts are to be.
-- name: recount_lock(id uuid) :none
-- else: NOT_FOUND
select id from users where id = :id for no key update;

-- name: recount_user(id uuid) :none
-- else: NOT_FOUND
update users u set followers_count = n.followers, following_count = n.following,
  snippets_count = n.snippets
from (select
  (select count(*) from follows where followed_id = :id) as followers,
  (select count(*) from follows where follower_id = :id) as following,
  (select count(*) from snippets where author_id = :id and is_public) as snippets) n
where u.id = :id;
