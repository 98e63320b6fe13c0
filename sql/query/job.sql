-- What the queue's frame itself asks of the database.
-- by: codegram-worker

-- No row: an earlier run of the job has committed its effects.
-- name: job_once(id text) :none
-- else: CONFLICT
insert into job_done (job_id) values (:id) on conflict do nothing;
