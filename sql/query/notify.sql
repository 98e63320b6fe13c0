-- What jobs tell people.
-- by: codegram-worker

-- No row: there is no such person.
-- name: notify_person(person uuid, kind text, about text, title text, message text, data text) :none
-- else: NOT_FOUND
select tell_alone(:person, :kind, :about, :title, :message, :data::jsonb);
