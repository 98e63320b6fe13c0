-- Sessions: what a token belongs to, so that it can be ended.
-- by: codegram-ctl

-- name: session_create(id uuid, user_id uuid, device text, seconds int) :none
insert into sessions (id, user_id, device, expires_at)
values (:id, active_user(:user_id), :device, now() + :seconds * interval '1 second');
