-- What a person was told. Newest first; one row for all who did the same.

-- name: notification_page(person uuid, unread bool, after_key int, after_id uuid, limit int) :json_list
-- optional: unread, after_id
select n.id, n.type, n.title, n.message, n.data, notification_actor_list(n.id) as actors, n.count,
  n.is_read, n.created_at, to_micros(n.updated_at) as "_key", n.id as "_id"
from notifications n
where n.user_id = active_user(:person)
/*? unread */ and not n.is_read
/*? after_id */ and (n.updated_at, n.id) < (from_micros(:after_key), :after_id)
order by n.updated_at desc, n.id desc
limit :limit + 1;

-- name: notification_unread(person uuid) :json
select count(*) as unread_count from notifications where user_id = active_user(:person) and not is_read;

-- name: notification_read(person uuid, id uuid) :none
-- else: NOT_FOUND
update notifications set is_read = true where id = :id and user_id = active_user(:person);

-- name: notification_read_all(person uuid) :none
update notifications set is_read = true where not is_read and id in (select id from notifications
  where user_id = active_user(:person) and not is_read order by id for no key update);

-- name: notification_delete(person uuid, id uuid) :none
-- else: NOT_FOUND
delete from notifications where id = :id and user_id = active_user(:person);
