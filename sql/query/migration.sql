-- What was applied to this database.
-- by: codegram-owner

-- name: migration_list() :many=migration
select number, sha256 from schema_migrations order by number;

-- name: migration_add(number int, name text, sha256 text) :none
insert into schema_migrations (number, name, sha256) values (:number, :name, :sha256);
