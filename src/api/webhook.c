/* webhook: what GitHub tells us. Its signature is checked over the bytes as they came, before
 * anything reads them; the answer is given at once, and a small sync does the rest.
 * Source: docs.github.com, "Validating webhook deliveries". */
#include "api/routes.h"

#include "adapter/crypto.h"
#include "adapter/json_list.h"
#include "store/github.h"
#include "web/app.h"

enum { DELIVERY_MAX = 100, EVENT_MAX = 60 };

static bool
hex_bytes(struct span hex, unsigned char out[SHA256_BYTES])
{
	if (hex.len != 2 * SHA256_BYTES)
		return false;
	for (size_t i = 0; i < SHA256_BYTES; i++) {
		int high = span_hex(hex.ptr[2 * i]), low = span_hex(hex.ptr[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

/* The signature's form is looked at before the body is read: strangers' megabytes are not worth
 * it. nginx looks, too (server.conf). Wrong ones count as guesses of their address; signed ones
 * are never limited, since they would be lost. */
static enum err
check_signature(struct request *r)
{
	struct span given = request_header(r, "HTTP_X_HUB_SIGNATURE_256"),
	            secret = span_of(r->app->settings->GITHUB_WEBHOOK_SECRET);
	unsigned char wanted[SHA256_BYTES], had[SHA256_BYTES];

	r->reply.challenge = "X-Hub-Signature-256 realm=\"codegram\"";
	r->scope.fault.message = "The signature does not fit";
	if (secret.len == 0 || !span_starts(given, SPAN("sha256=")) ||
	    !hex_bytes((struct span){ given.ptr + 7, given.len - 7 }, had))
		return ERR_BAD_TOKEN;
	r->scope.fault.message = NULL;
	TRY(may_guess(r));
	TRY(raw_body(r));
	crypto_hmac(secret, r->body, wanted);
	if (crypto_equal(wanted, had, sizeof(wanted)))
		return OK;
	guessed_wrong(r);
	r->scope.fault.message = "The signature does not fit";
	return ERR_BAD_TOKEN;
}

static bool
is_word(struct span text, size_t most)
{
	if (text.len == 0 || text.len > most)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && c != '-' && c != '_')
			return false;
	}
	return true;
}

/* All that is wrong at once. A header is named by its name. */
static enum err
check_headers(struct request *r, struct span delivery, struct span event)
{
	static const char words[] = "must be there: letters, digits, - and _";
	enum err e = OK;

	if (!is_word(delivery, DELIVERY_MAX))
		e = fault_field(
		    &r->scope.fault, "X-GitHub-Delivery", "BAD_HEADER", words, DELIVERY_MAX);
	if (!is_word(event, EVENT_MAX))
		e = fault_field(
		    &r->scope.fault, "X-GitHub-Event", "BAD_HEADER", words, EVENT_MAX);
	return e;
}

static int64_t
id_in(const struct json_t *object, const char *key)
{
	const struct json_t *member = object ? json_get_object(object, key) : NULL;
	int64_t id = 0;

	if (member != NULL)
		json_get_int(member, "id", &id);
	return id;
}

/* Form encoding is the other way in which GitHub can be told to send; we want JSON. What can't be
 * read in it must not lose the delivery, since GitHub does not send it again: what we keep of it
 * are numbers and known words. */
static enum err
read_event(struct request *r, struct json_t **event)
{
	struct span type = request_header(r, "CONTENT_TYPE"), kind = span_cut(&type, ';');

	if (!span_equal_nocase(span_trim(kind), SPAN("application/json"))) {
		r->scope.fault.message = "Set the webhook's content type to application/json";
		return ERR_WRONG_TYPE;
	}
	if (json_any_of(r->body, event, &r->scope) == OK && !json_is_list(*event))
		return OK;
	r->scope.fault.message = "The delivery is no JSON object";
	return ERR_BAD_JSON;
}

/* POST /github/webhook */
enum err
github_webhook(struct request *r)
{
	struct span delivery = request_header(r, "HTTP_X_GITHUB_DELIVERY"),
	            name = request_header(r, "HTTP_X_GITHUB_EVENT");
	const struct json_t *repository, *account;
	struct rows rows = reply_rows(r);
	struct github_delivered was;
	const char *action = "";
	struct json_t *event;
	int64_t owner;

	TRY(check_signature(r));
	TRY(check_headers(r, delivery, name));
	TRY(read_event(r, &event));
	if (!json_get_text(event, "action", &action))
		action = "";
	repository = json_get_object(event, "repository");
	account = json_get_object(event, "installation");
	owner = repository ? id_in(repository, "owner") : id_in(account, "account");
	TRY(q_github_delivery(r->db, arena_text(r->scope.arena, delivery),
	    arena_text(r->scope.arena, name), action, owner, id_in(event, "sender"),
	    id_in(event, "repository"), &was));
	buf_puts(&r->reply.data, was.is_new ? "{\"accepted\":true}" : "{\"accepted\":false}");
	TRY(reply_one(r, &rows));
	r->reply.status = 202;
	r->wakes = was.is_new;
	return OK;
}
