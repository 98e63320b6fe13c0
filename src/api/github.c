/* github: what a person has at GitHub, how its sync goes, and what GitHub tells us. Nothing here
 * asks GitHub: that is for the sign-in and for jobs. */
#include "api/routes.h"

#include <time.h>

#include "base/clock.h"
#include "base/random.h"
#include "store/contribution.h"
#include "store/github.h"
#include "store/repository.h"
#include "web/app.h"

enum { FIRST_YEAR = 2007 }; /* of GitHub */

static enum err
accepted(struct request *r, const char *location, const struct rows *rows)
{
	TRY(reply_created(r, location, rows));
	r->reply.status = 202;
	r->wakes = true;
	return OK;
}

/* POST /github/sync: the jobs, also when they run already. */
enum err
github_sync_start(struct request *r)
{
	static const char *const kinds[] = { "profile", "repositories", "contributions" };
	struct rows rows = reply_rows(r);
	struct buf *out = &r->reply.data;
	struct github_connected is;

	TRY(q_github_connected(r->db, r->viewer.id, &is));
	if (!is.connected) {
		r->scope.fault.message = "GitHub is not connected: sign in with GitHub again";
		return ERR_CONFLICT;
	}
	buf_puts(out, "{\"jobs\":[");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct github_asked asked;
		TRY(q_github_ask(r->db, r->viewer.id, kinds[i], uuid_make().text, &asked));
		buf_format(out,
		    "%s{\"id\":\"%s\",\"queue\":\"github-sync\",\"name\":\"sync-%s\"}",
		    i > 0 ? "," : "", asked.job_id, kinds[i]);
	}
	buf_puts(out, "]}");
	return accepted(r, API_PREFIX "/github/sync", &rows);
}

/* GET /github/sync */
enum err
github_sync_state(struct request *r)
{
	struct rows rows = reply_rows(r);

	TRY(q_github_state(r->db, r->viewer.id, &rows));
	return reply_one(r, &rows);
}

/* ---- repositories */

static enum err
repositories_of(struct request *r, const char *username)
{
	const struct repository_list *in = r->form;
	const char *order = rule_repository_sort.choices[in->sort];
	struct rows rows = reply_rows(r);
	struct page page;
	int64_t key = 0;

	TRY(page_open(r, in->page, in->limit, in->cursor, order, &page));
	span_int(span_of(page.after_key), &key);
	rows.limit = page.limit;
	TRY(q_repository_page(r->db, username, r->viewer.id, in->language, in->sort, key,
	    page.after_id, !page.stream, page.limit, page.offset, &rows));
	if (!rows.found)
		return ERR_NOT_FOUND;
	return reply_page(r, &page, order, &rows);
}

/* GET /github/repositories: one's own. */
enum err
github_repositories(struct request *r)
{
	return repositories_of(r, NULL);
}

/* GET /users/:username/repositories */
enum err
user_repositories(struct request *r)
{
	const char *username;

	TRY(param_username(r, "username", &username));
	return repositories_of(r, username);
}

/* GET /users/:username/languages */
enum err
user_languages(struct request *r)
{
	struct rows rows = reply_rows(r);
	const char *username;

	TRY(param_username(r, "username", &username));
	TRY(q_repository_languages(r->db, username, &rows));
	return reply_one(r, &rows);
}

/* ---- contributions */

static int64_t
this_year(void)
{
	time_t now = (time_t)(clock_now() / 1000000);
	struct tm tm;

	gmtime_r(&now, &tm);
	return tm.tm_year + 1900;
}

/* GET /github/contributions/:username: a year that nobody has read yet is asked for. */
enum err
github_contributions(struct request *r)
{
	const struct contribution_year *in = r->form;
	const char *username, *at;
	int64_t year = in->year ? in->year : this_year();
	struct rows rows = reply_rows(r);
	struct contribution_state is;
	struct github_asked asked;

	TRY(param_username(r, "username", &username));
	if (year < FIRST_YEAR || year > this_year()) {
		fault_field(
		    &r->scope.fault, "?year", "NOT_A_YEAR", "has no calendar", FIRST_YEAR);
		return ERR_INVALID;
	}
	TRY(q_contribution_state(r->db, username, year, &is));
	if (is.known || !is.connected) {
		TRY(q_contribution_year(r->db, username, year, &rows));
		return reply_one(r, &rows);
	}
	TRY(q_contribution_ask(r->db, username, year, uuid_make().text, &asked));
	buf_format(&r->reply.data,
	    "{\"year\":%lld,\"job\":{\"id\":\"%s\",\"queue\":\"github-sync\"}}",
	    (long long)year, asked.job_id);
	at = url_of(r, API_PREFIX "/github/contributions/", username);
	if (at == NULL)
		return ERR_NO_MEMORY;
	return accepted(
	    r, arena_format(r->scope.arena, "%s?year=%lld", at, (long long)year), &rows);
}

/* GET /users/:username/contributions */
enum err
user_contributions(struct request *r)
{
	return github_contributions(r);
}

/* DELETE /github/connection: at once here; the grant is taken back by a job. */
enum err
github_disconnect(struct request *r)
{
	struct github_left left;

	TRY(q_github_disconnect(r->db, r->viewer.id, uuid_make().text, &left));
	if (!left.had_token)
		return ERR_NOT_FOUND;
	r->wakes = true;
	return reply_none(r);
}
