-- What each program's role may do; run by `codegramctl migrate` after the migrations, so that
-- grants always fit the schema. The roles themselves are made by the installation.
revoke all on schema public from public;
revoke all on all tables in schema public from public;
revoke execute on all functions in schema public from public;
grant usage on schema public to "codegram-api", "codegram-login", "codegram-worker",
  "codegram-scheduler", "codegram-ctl";
grant execute on all functions in schema public to "codegram-api", "codegram-login",
  "codegram-worker", "codegram-ctl";

grant select on schema_migrations to "codegram-api", "codegram-login", "codegram-worker",
  "codegram-scheduler", "codegram-ctl";

grant select on users, follows, blocks, snippets, snippet_likes, tally, sessions to "codegram-api";
grant update (full_name, bio, location, company, website, version, updated_at) on users
  to "codegram-api";
grant insert, update, delete on snippets to "codegram-api";

grant select, update (is_read), delete on notifications to "codegram-api";
grant select on notification_actors to "codegram-api";

grant insert on outbox to "codegram-api", "codegram-login", "codegram-worker",
  "codegram-scheduler";

grant select on users, sessions to "codegram-login";

grant select, update, delete on outbox to "codegram-scheduler";
grant select, insert, update on outbox_target to "codegram-scheduler";
grant select, insert, delete on cron_slot to "codegram-scheduler";

grant select, insert, delete on job_done to "codegram-worker";
grant select on users, follows, snippets, snippet_likes, tally to "codegram-worker";
grant update (followers_count, following_count, snippets_count) on users to "codegram-worker";
grant update (likes_count) on snippets to "codegram-worker";

grant select, insert, update, delete on all tables in schema public to "codegram-ctl";
revoke insert, update, delete on schema_migrations from "codegram-ctl";
