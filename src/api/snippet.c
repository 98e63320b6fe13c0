/* snippet: routes of snippets. */
#include "api/routes.h"
#include "base/random.h"
#include "model/language.h"
#include "store/snippet.h"

/* A private snippet of somebody else was not found already; this is a public one. */
static enum err
may_edit(const struct request *r, const struct snippet_head *s)
{
	return strcmp(r->viewer.id.text, s->author_id.text) == 0 ? OK : ERR_FORBIDDEN;
}

static enum err
card(struct request *r, struct uuid id, struct rows *out)
{
	*out = reply_rows(r);
	return q_snippet_card(r->db, id, viewer_id(r), out);
}

/* When tags or authors are asked for: whether they let much through, and the total where the
 * kept counts tell it (-1: they don't). */
enum { COMMON_ROWS = 1000, COMMON_AUTHORS = 200, COUNTED_MAX = 10000 };

static enum err
weigh(struct request *r, const struct snippet_list *in, bool *common, int64_t *known)
{
	bool tags = in->tags.count > 0, author = in->author != NULL;
	struct snippet_weight weight;

	*common = false;
	*known = -1;
	if (!tags && !author)
		return OK;
	TRY(q_snippet_weight(r->db, &in->tags, in->author, &weight));
	*common = (!tags || weight.tags > COMMON_ROWS) &&
	          (!author || weight.authors > COMMON_AUTHORS);
	if (author || in->language != NULL)
		return OK;
	if (in->tags.count == 1)
		*known = weight.tags;
	else if (weight.greatest > COUNTED_MAX)
		*known = -COUNTED_MAX;
	return OK;
}

/* GET /snippets: public snippets, filtered and sorted. */
enum err
snippet_list(struct request *r)
{
	const struct snippet_list *in = r->form;
	const char *order = rule_snippet_sort.choices[in->sort];
	const char *language = in->language;
	struct rows rows = reply_rows(r);
	struct page page;
	bool common;
	int64_t known;

	TRY(page_open(r, in->page, in->limit, in->cursor, order, &page));
	TRY(weigh(r, in, &common, &known));
	/* An alias finds its language; an unknown word finds nothing. */
	if (language != NULL && language_name(span_of(language)) != NULL)
		language = language_name(span_of(language));
	rows.limit = page.limit;
	TRY(q_snippet_page(r->db, viewer_id(r), language, &in->tags, in->author, in->sort,
	    page.after_key, page.after_id, common, !page.stream, known, page.limit, page.offset,
	    &rows));
	return reply_page(r, &page, order, &rows);
}

/* POST /snippets: a new one; the language is found when it is not given. */
enum err
snippet_create(struct request *r)
{
	const struct snippet_create *in = r->form;
	const char *language = in->language && *in->language
	                           ? language_name(span_of(in->language))
	                           : language_guess(in->filename, span_of(in->code));
	struct uuid id = uuid_make();
	struct rows rows;

	TRY(q_snippet_create(r->db, id, r->viewer.id, in->title, in->description, in->code,
	    language, in->filename, &in->tags, in->is_public));
	TRY(card(r, id, &rows));
	return reply_created(
	    r, arena_format(r->scope.arena, API_PREFIX "/snippets/%s", id.text), &rows);
}

/* GET /snippets/:id */
enum err
snippet_get(struct request *r)
{
	struct rows rows;
	struct uuid id;

	TRY(param_uuid(r, "id", &id));
	TRY(card(r, id, &rows));
	return reply_one(r, &rows);
}

/* NULL: the language stays. null in the body asks for a new guess, from what it will then be. */
static const char *
new_language(const struct snippet_edit *in, const struct snippet_head *s)
{
	if (!form_has(in, snippet_edit, language))
		return NULL;
	if (in->language && *in->language)
		return language_name(span_of(in->language));
	return language_guess(form_has(in, snippet_edit, filename) ? in->filename : s->filename,
	    span_of(in->code ? in->code : s->code));
}

/* PATCH /snippets/:id: its author changes what the body names; what names nothing changes
 * nothing, its version neither. */
enum err
snippet_update(struct request *r)
{
	const struct snippet_edit *in = r->form;
	const struct texts *given = given_fields(r);
	bool guesses = form_has(in, snippet_edit, language) && !(in->language && *in->language);
	struct snippet_head s;
	struct rows rows;
	struct uuid id;

	TRY(param_uuid(r, "id", &id));
	TRY(q_snippet_head(r->db, id, r->viewer.id, guesses, false, &s));
	TRY(may_edit(r, &s));
	TRY(if_match(r, s.version));
	if (given == NULL)
		return ERR_NO_MEMORY;
	if (given->count > 0)
		TRY(q_snippet_edit(r->db, id, s.version, given, in->title, in->description,
		    in->code, new_language(in, &s), in->filename, &in->tags, in->is_public));
	TRY(card(r, id, &rows));
	return reply_one(r, &rows);
}

/* DELETE /snippets/:id */
enum err
snippet_remove(struct request *r)
{
	struct snippet_head s;
	struct uuid id;

	TRY(param_uuid(r, "id", &id));
	TRY(q_snippet_head(r->db, id, r->viewer.id, false, true, &s));
	TRY(may_edit(r, &s));
	TRY(if_match(r, s.version));
	TRY(q_snippet_delete(r->db, id, s.version));
	return reply_none(r);
}

/* GET /snippets/:id/raw: the code alone, never run by a browser (nosniff comes from nginx). */
enum err
snippet_raw(struct request *r)
{
	struct snippet_raw raw;
	struct uuid id;

	TRY(param_uuid(r, "id", &id));
	TRY(q_snippet_raw(r->db, id, viewer_id(r), &raw));
	r->reply.version = raw.version;
	return reply_raw(r, "text/plain; charset=utf-8", span_of(raw.code));
}
