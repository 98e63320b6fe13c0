/* sign_in: once, then GitHub, then one statement. */
#include "service/sign_in.h"

#include <stdio.h>

#include "adapter/crypto.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "service/github.h"
#include "store/auth.h"

enum { TRIES = 3, SILENCE_SECONDS = 3 };

/* A GitHub that was waited for in vain is not waited for again at once: those who came meanwhile
 * are told so, instead of one after the other until nginx gives up. clock_mono() */
static int64_t silent_until;

/* A word to the person, another one to the log. */
static enum err
refuse(struct sign_in *s, enum err e, const char *message, const char *story)
{
	s->scope->fault.message = message;
	return fault(&s->scope->fault, e, "sign-in: %s", story);
}

static enum err
use_once(struct sign_in *s)
{
	unsigned char hash[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];
	struct auth_state state;

	crypto_sha256(s->key, hash);
	for (size_t i = 0; i < SHA256_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	db_open_scope(s->db, s->scope, false);
	TRY(q_auth_state_use(s->db, hex, &state));
	return state.is_fresh ? OK
	                      : refuse(s, ERR_FORBIDDEN,
	                            "This sign-in was used already. Please start again.",
	                            "came back twice");
}

/* ---- GitHub */

static const struct {
	const char *word;
	enum err e;
	const char *message;
} failures[] = {
	{ "away", ERR_TIMEOUT, "GitHub did not answer in time. Please try again." },
	{ "nonsense", ERR_UPSTREAM, "GitHub's answer could not be used. Please try again." },
	{ "trouble", ERR_UPSTREAM, "GitHub has trouble of its own. Please try again later." },
	{ "limited", ERR_UPSTREAM,
	    "GitHub asks for fewer requests. Please try again in some minutes." },
	{ "bad_verification_code", ERR_FORBIDDEN,
	    "GitHub's code is too old or was used already. Please start again." },
	{ "unverified_user_email", ERR_FORBIDDEN,
	    "GitHub wants you to verify your email address there first." },
	{ "access_denied", ERR_FORBIDDEN, "You did not allow CodeGram to sign you in." },
	{ "incorrect_client_credentials", ERR_UPSTREAM,
	    "GitHub does not know this CodeGram. Please tell its operator." },
	{ "redirect_uri_mismatch", ERR_UPSTREAM,
	    "GitHub does not know this CodeGram's address. Please tell its operator." },
	{ "application_suspended", ERR_UPSTREAM,
	    "GitHub has suspended this CodeGram. Please tell its operator." },
	{ NULL, ERR_UPSTREAM, "GitHub refused the sign-in. Please try again." },
};

static enum err
exchange_failed(struct sign_in *s, const char *word)
{
	size_t i = 0;

	while (failures[i].word != NULL && strcmp(failures[i].word, word) != 0)
		i++;
	s->scope->fault.story[0] = '\0';
	return refuse(s, failures[i].e, failures[i].message, word);
}

/* Of an answer that does not say who it is, though another one may. */
static const char *
why_not(const struct github_page *page)
{
	if (page->status == 0)
		return "away";
	if (page->outcome == GITHUB_AWAY || page->status == 401)
		return "nonsense";
	return page->status == 403 || page->status == 429 ? "limited" : "trouble";
}

static enum err
ask_github(struct sign_in *s, struct github_grant *grant, struct github_identity *who)
{
	struct github_page page;
	struct github g;

	github_init(&g, s->http, s->settings, s->scope, NULL);
	g.deadline = clock_mono() + SIGN_IN_GITHUB_MS * 1000;
	g.reserve = 0;
	TRY(github_exchange(&g, s->code, s->verifier, grant));
	if (clock_mono() >= g.deadline)
		silent_until = clock_mono() + SILENCE_SECONDS * INT64_C(1000000);
	if (grant->failure != NULL)
		return exchange_failed(s, grant->failure);
	g.token = grant->token;
	TRY(github_identity(&g, who, &page));
	if (page.outcome == GITHUB_AWAY || page.outcome == GITHUB_LATER)
		return exchange_failed(s, why_not(&page));
	if (page.outcome == GITHUB_DISCONNECTED && page.code &&
	    strcmp(page.code, "suspended") == 0)
		return refuse(s, ERR_FORBIDDEN, "GitHub has suspended your account there.",
		    "suspended at GitHub");
	if (!github_answered(page.outcome))
		return refuse(s, ERR_UPSTREAM,
		    "GitHub does not say who you are. Please try again.",
		    github_outcome_name(page.outcome));
	return OK;
}

/* ---- our side */

static enum err
sealed_for(struct sign_in *s, struct uuid person, const char *token, const char **out)
{
	const char *bound = arena_format(s->scope->arena, "%s|github|token", person.text);
	struct span record;
	char *hex;

	if (bound == NULL)
		return ERR_NO_MEMORY;
	TRY(seal(s->ring, span_of(token), span_of(bound), &record, s->scope));
	if ((hex = arena_alloc(s->scope->arena, 2 * record.len + 1)) == NULL)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < record.len; i++)
		snprintf(hex + 2 * i, 3, "%02x", (unsigned char)record.ptr[i]);
	*out = hex;
	return OK;
}

/* The token is sealed for a person's id, so that is looked up first; in between somebody else
 * may sign the same person in for the first time: then once more. */
static enum err
store_once(struct sign_in *s, const struct github_grant *grant,
    const struct github_identity *who, const char *profile)
{
	const struct settings *c = s->settings;
	struct auth_user known = { .id = uuid_make() };
	const char *sealed;
	enum err e = q_auth_user(s->db, who->id, &known);

	if (e == ERR_NOT_FOUND) {
		fault_reset(&s->scope->fault);
		known.id = uuid_make();
	} else
		TRY(e);
	TRY(sealed_for(s, known.id, grant->token, &sealed));
	TRY(q_auth_sign_in(s->db, known.id, who->id, profile, sealed, &grant->scopes,
	    s->session, s->refresh, s->device, s->network, c->JWT_ACCESS_SECONDS,
	    c->JWT_REFRESH_SECONDS, c->SESSION_SECONDS, &s->person));
	return strcmp(s->person.outcome, "other") == 0 ? ERR_RETRY : db_commit(s->db);
}

static enum err
store(struct sign_in *s, const struct github_grant *grant, const struct github_identity *who)
{
	const char *profile;
	enum err e = ERR_RETRY;

	TRY(github_profile(who, s->scope, &profile));
	/* A lock that was not free, too: the code is spent, and patience bounds it. */
	for (int i = 0; i < TRIES && (e == ERR_RETRY || e == ERR_BUSY); i++) {
		fault_reset(&s->scope->fault);
		db_open_scope(s->db, s->scope, true);
		e = store_once(s, grant, who, profile);
		db_close_scope(s->db);
	}
	db_open_scope(s->db, s->scope, false);
	/* the frame would run the whole of it again */
	return e == ERR_RETRY ? ERR_AWAY : e;
}

enum err
sign_in(struct sign_in *s)
{
	struct github_grant grant;
	struct github_identity who;

	/* Before the state is used up: this journey may be tried again. */
	if (clock_mono() < silent_until)
		return exchange_failed(s, "away");
	TRY(use_once(s));
	TRY(ask_github(s, &grant, &who));
	s->session = uuid_make();
	s->refresh = uuid_make();
	TRY(store(s, &grant, &who));
	if (strcmp(s->person.outcome, "suspended") == 0)
		return refuse(s, ERR_SUSPENDED, "This account is suspended.", "suspended");
	if (strcmp(s->person.outcome, "deleted") == 0)
		return refuse(s, ERR_FORBIDDEN, "This account was deleted.", "deleted");
	LOG(LEVEL_INFO, "sign_in.done", L_TEXT("outcome", s->person.outcome),
	    L_TEXT("user", s->person.username), L_INT("github_id", who.id));
	return OK;
}
