/* user: routes of people. */
#include "api/routes.h"
#include "store/snippet.h"
#include "store/user.h"

/* GET /users */
enum err
user_list(struct request *r)
{
	const struct user_list *in = r->form;
	const char *order = rule_user_sort.choices[in->sort];
	struct rows rows = reply_rows(r);
	struct page page;
	int64_t key = 0;

	TRY(page_open(r, in->page, in->limit, in->cursor, order, &page));
	span_int(span_of(page.after_key), &key);
	rows.limit = page.limit;
	TRY(q_user_page(r->db, viewer_id(r), in->q, in->sort, key, page.after_id, !page.stream,
	    page.limit, page.offset, &rows));
	return reply_page(r, &page, order, &rows);
}

/* GET /users/:username */
enum err
user_get(struct request *r)
{
	struct rows rows = reply_rows(r);
	const char *username;

	TRY(param_username(r, "username", &username));
	TRY(q_user_card(r->db, username, viewer_id(r), &rows));
	return reply_one(r, &rows);
}

/* GET /users/:username/snippets: with the private ones for their author. */
enum err
user_snippets(struct request *r)
{
	const struct user_snippets *in = r->form;
	struct rows rows = reply_rows(r);
	const char *username;
	struct page page;
	int64_t key = 0;

	TRY(param_username(r, "username", &username));
	TRY(page_open(r, in->page, in->limit, in->cursor, "newest", &page));
	span_int(span_of(page.after_key), &key);
	rows.limit = page.limit;
	TRY(q_snippet_page_of(r->db, username, viewer_id(r), key, page.after_id, !page.stream,
	    page.limit, page.offset, &rows));
	if (!rows.found)
		return ERR_NOT_FOUND;
	return reply_page(r, &page, "newest", &rows);
}

/* PATCH /users/me */
enum err
user_update(struct request *r)
{
	const struct user_edit *in = r->form;
	const struct texts *given = given_fields(r);
	struct rows rows = reply_rows(r);
	struct user_head u;

	TRY(q_user_head(r->db, r->viewer.id, &u));
	TRY(if_match(r, u.version));
	if (given == NULL)
		return ERR_NO_MEMORY;
	if (given->count > 0)
		TRY(q_user_edit(r->db, u.id, u.version, given, in->full_name, in->bio,
		    in->location, in->company, in->website));
	TRY(q_user_own(r->db, u.id, &rows));
	return reply_one(r, &rows);
}
