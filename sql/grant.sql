-- What each program's role may do; run by `codegramctl migrate` after the migrations, so that
-- grants always fit the schema. The roles themselves are made by the installation.
revoke all on schema public from public;
revoke all on all tables in schema public from public;
revoke execute on all functions in schema public from public;
grant usage on schema public to "codegram-api", "codegram-login", "codegram-worker",
  "codegram-scheduler", "codegram-ctl";
grant execute on all functions in schema public to "codegram-api", "codegram-worker",
  "codegram-ctl";

-- Sessions are opened by signing in alone, rotated and ended by the api alone.
revoke execute on function sign_in, use_login_state, take_github_profile, make_github_user,
  open_session, refresh_rotate, end_sessions, make_access_token
  from "codegram-api", "codegram-worker";
grant execute on function sign_in, use_login_state, active_user to "codegram-login";
grant execute on function refresh_rotate, end_sessions, make_access_token to "codegram-api";
grant execute on function take_github_profile to "codegram-worker";

grant select on schema_migrations to "codegram-api", "codegram-login", "codegram-worker",
  "codegram-scheduler", "codegram-ctl";

grant select on users, follows, blocks, snippets, snippet_likes, tally, sessions to "codegram-api";
grant update (full_name, bio, location, company, website, edited, version, updated_at) on users
  to "codegram-api";
grant insert, update, delete on snippets to "codegram-api";

grant select, update (is_read), delete on notifications to "codegram-api";
grant select on notification_actors to "codegram-api";

grant insert on outbox to "codegram-api", "codegram-worker", "codegram-scheduler";

grant select on cron_slot to "codegram-api";
grant select, insert on cron_run to "codegram-api";

grant select on users to "codegram-login";

grant select, update (last_used_at, revoked_at) on access_tokens to "codegram-api";
grant update (last_seen_at) on users to "codegram-api";
grant select (id, revoked_at, tokens_until) on sessions to "codegram-scheduler";

grant select, update, delete on outbox to "codegram-scheduler";
grant select, insert, update on outbox_target to "codegram-scheduler";
grant select, insert, delete on cron_slot to "codegram-scheduler";
grant select, delete on cron_run to "codegram-scheduler";

grant select, insert, delete on job_done to "codegram-worker";
grant select, delete on cron_slot, sessions to "codegram-worker";
grant select (id, expires_at, revoked_at), delete on access_tokens to "codegram-worker";
grant select on users, follows, snippets, snippet_likes, tally to "codegram-worker";
grant update (followers_count, following_count, snippets_count) on users to "codegram-worker";
grant update (likes_count) on snippets to "codegram-worker";

-- What GitHub said is written by the worker alone; the api asks for syncs, and has no token.
revoke execute on function take_repositories, end_repositories, miss_repository, begin_sync, step_sync,
  stop_github, disconnect_github, github_pages_forget from "codegram-api", "codegram-login";
revoke execute on function ask_sync, ask_contributions, leave_github, take_delivery
  from "codegram-login", "codegram-worker";
grant select on github_syncs, repositories, github_contributions to "codegram-api";
grant select (user_id, github_id, login, scopes, state, reason, budget_limit, budget_remaining,
  budget_reset, not_before) on github_connections to "codegram-api";
grant select, update (login, token, updated_at) on github_connections to "codegram-worker";
grant select, update on github_syncs, repositories to "codegram-worker";
grant select, insert, update on github_pages, github_contributions to "codegram-worker";

grant select, insert, update, delete on all tables in schema public to "codegram-ctl";
revoke insert, update, delete on schema_migrations from "codegram-ctl";
