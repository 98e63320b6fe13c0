-- What `codegramctl setup` looks for in the whole server, before there is a database of ours.
-- by: postgres

-- name: setup_role(name text) :one=setup_role
select rolcanlogin as login from pg_roles where rolname = :name;

-- name: setup_database(name text) :one=setup_database
select pg_get_userbyid(datdba)::text as owner, pg_encoding_to_char(encoding)::text as encoding
from pg_database where datname = :name;
