-- Likes and follows: each is one function call, with the notification, its live event and its
-- job in the same transaction.

-- name: like_set(person uuid, snippet uuid, wanted text) :json
select liked, likes_count from set_like(:person, :snippet, :wanted::boolean);

-- name: follow_set(person uuid, username text, wanted bool) :json
select following, followers_count from set_follow(:person, :username, :wanted);
