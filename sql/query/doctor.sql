-- What codegramctl doctor asks.
-- by: codegram-ctl

-- name: server_time() :one=server_time
select (extract(epoch from clock_timestamp()) * 1000000)::bigint as micros;
