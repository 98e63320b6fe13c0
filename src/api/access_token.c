/* access_token: personal access tokens: made, listed, ended. A token is shown once; what is
 * kept is its hash. */
#include <stdio.h>

#include "adapter/crypto.h"
#include "api/routes.h"
#include "base/random.h"
#include "store/access_token.h"
#include "web/app.h"

enum { SECRET_BYTES = 32, PREFIX_LEN = 8 };

/* GET /auth/tokens */
enum err
access_token_list(struct request *r)
{
	struct rows rows = reply_rows(r);

	TRY(q_access_token_list(r->db, r->viewer.id, &rows));
	return reply_one(r, &rows);
}

static const char *
make_secret(struct request *r)
{
	unsigned char bytes[SECRET_BYTES];
	const char *text;
	struct buf out;

	random_bytes(bytes, sizeof(bytes));
	buf_init(&out, 64);
	buf_puts(&out, "cgp_");
	buf_base64url(&out, bytes, sizeof(bytes));
	text = buf_ok(&out) ? arena_text(r->scope.arena, buf_span(&out)) : NULL;
	buf_free(&out);
	return text;
}

static bool
asks_for_admin(const struct texts *scopes)
{
	for (size_t i = 0; i < scopes->count; i++)
		if (strcmp(scopes->items[i], "admin") == 0)
			return true;
	return false;
}

static enum err
keep(struct request *r, struct uuid id, const char *secret, struct rows *rows)
{
	const struct access_token_create *in = r->form;
	unsigned char hash[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1], prefix[PREFIX_LEN + 1];
	enum err e;

	crypto_sha256(span_of(secret), hash);
	for (size_t i = 0; i < SHA256_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	snprintf(prefix, sizeof(prefix), "%.*s", PREFIX_LEN, secret);
	e = q_access_token_create(r->db, id, r->viewer.id, in->name, hex, prefix, &in->scopes,
	    in->expires_in_days, rows);
	if (e == ERR_CONFLICT)
		r->scope.fault.message = "A person has at most 100 tokens; end one first";
	return e;
}

/* POST /auth/tokens */
enum err
access_token_create(struct request *r)
{
	const struct access_token_create *in = r->form;
	struct rows rows = reply_rows(r);
	const char *secret = make_secret(r);
	struct uuid id = uuid_make();

	if (secret == NULL)
		return ERR_NO_MEMORY;
	if (asks_for_admin(&in->scopes) && !r->viewer.admin) {
		r->scope.fault.message = "Only an admin's token may have the scope admin";
		return ERR_FORBIDDEN;
	}
	TRY(keep(r, id, secret, &rows));
	/* into the object that the statement wrote */
	r->reply.data.len--;
	buf_format(&r->reply.data, ",\"token\":\"%s\"}", secret);
	r->reply.secret = true;
	return reply_created(
	    r, arena_format(r->scope.arena, API_PREFIX "/auth/tokens/%s", id.text), &rows);
}

/* DELETE /auth/tokens/:id */
enum err
access_token_remove(struct request *r)
{
	struct uuid id;

	TRY(param_uuid(r, "id", &id));
	TRY(q_access_token_end(r->db, id, r->viewer.id));
	return reply_none(r);
}
