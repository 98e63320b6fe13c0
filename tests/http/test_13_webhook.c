/* What GitHub tells us: believed only when signed, taken once, and followed by the right small
 * sync. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/crypto.h"
#include "support/client.h"
#include "support/github.h"
#include "support/stack.h"
#include "support/synced.h"

const char *const stack_options[] = { "--no-cache", "--rate-limit", "off", NULL };

#define PATH "/api/v1/github/webhook"

void
stack_ready(void)
{
	sign_in("ada");
	sync_comes_to("ada", "repositories", "idle", 30);
}

/* The vector of GitHub's documentation. */
Test(webhook, the_signature_is_githubs)
{
	static const unsigned char wanted[] = { 0x75, 0x71, 0x07, 0xea, 0x0e, 0xb2, 0x50,
		0x9f };
	unsigned char mac[SHA256_BYTES];

	crypto_hmac(SPAN("It's a Secret to Everybody"), SPAN("Hello, World!"), mac);
	cr_expect_arr_eq(mac, wanted, sizeof(wanted));
}

Test(webhook, unsigned_ones_are_refused)
{
	static const char *const signatures[] = { "X-None: 1", "X-Hub-Signature-256: ",
		"X-Hub-Signature-256: sha256=", "X-Hub-Signature-256: sha1=00",
		"X-Hub-Signature-256: "
		"sha256=0000000000000000000000000000000000000000000000000000000000000000",
		"X-Hub-Signature-256: "
		"sha256=zz00000000000000000000000000000000000000000000000000000000000000" };

	for (size_t i = 0; i < sizeof(signatures) / sizeof(*signatures); i++) {
		struct answer a = CALL("POST", PATH, .body = "{}",
		    .headers = {
		        signatures[i], "X-GitHub-Event: push", "X-GitHub-Delivery: a-1" });
		cr_expect_eq(a.status, 401, "%s: %ld", signatures[i], a.status);
		cr_expect_str_eq(text_at(&a, "error.message"), "The signature does not fit");
		cr_expect_str_eq(header_of(&a, "WWW-Authenticate"),
		    "X-Hub-Signature-256 realm=\"codegram\"", "%s", signatures[i]);
		forget(&a);
	}
	cr_expect_eq(stack_count("select count(*) from github_deliveries where id = 'a-1'"), 0);
}

/* 20 MiB that nobody signed are not even waited for. */
Test(webhook, an_unsigned_body_is_not_read)
{
	static const char head[] = "POST " PATH " HTTP/1.1\r\nHost: x\r\nContent-Type: "
	                           "application/json\r\nContent-Length: 20971520\r\n\r\n{";
	char out[4096];

	raw_exchange(head, sizeof(head) - 1, out, sizeof(out));
	cr_expect_not_null(strstr(out, "HTTP/1.1 401 "), "%s", out);
	cr_expect_not_null(strstr(out, "UNAUTHORIZED"), "%s", out);
}

/* Header and all: what is wrong is named. */
Test(webhook, faulty_headers_are_named)
{
	unsigned char mac[SHA256_BYTES];
	char signature[128] = "X-Hub-Signature-256: sha256=";
	struct answer a;

	crypto_hmac(span_of(stack_setting("GITHUB_WEBHOOK_SECRET")), SPAN("{}"), mac);
	for (size_t i = 0; i < SHA256_BYTES; i++)
		snprintf(signature + strlen(signature), 3, "%02x", mac[i]);
	a = CALL("POST", PATH, .body = "{}", .headers = { signature, "X-GitHub-Event: a b" });
	cr_expect_eq(a.status, 400, "%s", a.body);
	cr_expect_str_eq(
	    text_at(&a, "error.details.0.field"), "X-GitHub-Delivery", "%s", a.body);
	cr_expect_str_eq(text_at(&a, "error.details.1.field"), "X-GitHub-Event");
	forget(&a);
}

struct seen {
	const char *sql;
	long wanted;
};

static bool
is_seen(void *with)
{
	const struct seen *s = with;

	return stack_count(s->sql) == s->wanted;
}

static void
expect_soon(const char *sql, long wanted)
{
	struct seen s = { sql, wanted };

	cr_expect(wait_until(is_seen, &s, 20), "%s is %ld", sql, stack_count(sql));
}

Test(webhook, each_event_brings_its_small_sync)
{
	struct github_delivery d;

	github_change("{'change': 'push', 'repository': 'ada/engine'}");
	github_change("{'change': 'edit_repository', 'repository': 'ada/engine', 'languages': "
	              "{'Ada': 77}}");
	github_reset("requests");
	d = github_webhook("{'event': 'push', 'repository': 'ada/engine'}");
	cr_expect_eq(d.status, 202);
	cr_expect_lt(d.seconds, PATIENCE * 2);
	expect_soon(
	    "select count(*) from repositories where name = 'engine' and languages ? 'Ada'", 1);
	cr_expect_eq(github_count("path=/user/repos"), 0, "no full pass");
	github_change("{'change': 'star', 'repository': 'ada/notes', 'by': 5}");
	github_webhook("{'event': 'star', 'action': 'created', 'repository': 'ada/notes'}");
	expect_soon(
	    "select count(*) from repositories where name = 'notes' and stars_count = 17", 1);
	github_change(
	    "{'change': 'rename_repository', 'repository': 'ada/notes', 'to': 'note-g'}");
	github_webhook(
	    "{'event': 'repository', 'action': 'renamed', 'repository': 'ada/note-g'}");
	expect_soon("select count(*) from repositories where full_name = 'ada/note-g' and "
	            "sync_state = 'renamed'",
	    1);
	github_webhook(
	    "{'event': 'repository', 'action': 'deleted', 'repository': 'ada/note-g'}");
	expect_soon("select count(*) from repositories where full_name = 'ada/note-g'", 0);
}

static bool
pages_were_asked(void *with)
{
	(void)with;
	return github_count("path=/user/repos") > 0;
}

Test(webhook, an_installation_brings_a_whole_pass)
{
	github_reset("requests");
	cr_expect_eq(
	    github_webhook("{'event': 'installation', 'repository': 'ada/engine'}").status,
	    202);
	cr_expect(wait_until(pages_were_asked, NULL, 20));
	cr_expect(sync_comes_to("ada", "repositories", "idle", 20));
}

Test(webhook, a_delivery_counts_once)
{
	struct github_delivery d =
	    github_webhook("{'event': 'ping', 'repository': 'ada/engine'}");
	char sql[256];

	cr_expect_eq(d.status, 202);
	snprintf(sql, sizeof(sql), "select count(*) from github_deliveries where id = '%s'",
	    d.delivery);
	cr_expect_eq(stack_count(sql), 1);
	d = github_webhook(
	    "{'event': 'push', 'repository': 'ada/engine', 'delivery': 'twice-1'}");
	cr_expect_eq(d.status, 202);
	d = github_webhook(
	    "{'event': 'push', 'repository': 'ada/engine', 'delivery': 'twice-1'}");
	cr_expect_eq(d.status, 202);
	cr_expect_eq(
	    stack_count("select count(*) from github_deliveries where id = 'twice-1'"), 1);
}

static bool
asked_for_one(void *with)
{
	(void)with;
	return github_count("path=/repositories/") > 0;
}

/* GitHub's largest, and one byte too many for nginx. */
Test(webhook, twenty_five_megabytes)
{
	struct github_delivery d = github_webhook(
	    "{'event': 'push', 'repository': 'ada/engine', 'padding': %d}", 24 * 1024 * 1024);

	cr_expect_eq(d.status, 202);
	cr_expect_lt(d.seconds, PATIENCE * 8, "%f", d.seconds);
	d = github_webhook(
	    "{'event': 'push', 'repository': 'ada/engine', 'padding': %d}", 26 * 1024 * 1024);
	cr_expect_eq(d.status, 413);
	cr_expect_not_null(strstr(d.answer, "25 MiB"), "%s", d.answer);
}

/* GitHub does not send it again: what nobody reads must not lose the rest. */
Test(webhook, what_is_not_readable_loses_nothing)
{
	static const char *const rows[] = { "{'field': 'description'}",
		"{'field': 'description', 'with': '\xf0\x9f\x98\x80'}", "{'field': 'node_id'}",
		"{'field': 'login', 'with': '\\\\ud83d'}",
		"{'field': 'url', 'with': '\\\\u0000'}" };
	struct github_delivery d;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		github_reset("requests");
		d = github_webhook(
		    "{'event': 'push', 'repository': 'ada/engine', 'garbled': %s}", rows[i]);
		cr_expect_eq(d.status, 202, "%s: %ld %s", rows[i], d.status, d.answer);
		cr_expect(wait_until(asked_for_one, NULL, 20), "%s has no effect", rows[i]);
	}
	d = github_webhook("{'event': 'push', 'repository': 'ada/engine', 'body': '[1]'}");
	cr_expect_eq(d.status, 400);
	d = github_webhook("{'event': 'push', 'repository': 'ada/engine', 'body': 'no'}");
	cr_expect_eq(d.status, 400);
}

static bool
is_taken(void *with)
{
	return github_webhook("{'event': 'push', 'repository': 'ada/engine', 'delivery': '%s'}",
	           (const char *)with)
	           .status == 202;
}

/* GitHub does not send it again by itself, but shows that it failed; then a person may. */
Test(webhook, while_the_database_is_away)
{
	struct github_delivery d;
	char delivery[] = "while-away-1";

	github_reset("requests");
	stack_part("stop-part", "postgres");
	d = github_webhook(
	    "{'event': 'push', 'repository': 'ada/engine', 'delivery': '%s'}", delivery);
	stack_part("start-part", "postgres");
	cr_expect_eq(d.status, 503, "%ld", d.status);
	cr_expect_lt(d.seconds, PATIENCE * 9.5, "within the ten seconds that GitHub waits");
	cr_expect(wait_until(is_taken, delivery, 20));
	expect_soon("select count(*) from github_deliveries where id = 'while-away-1'", 1);
	cr_expect(wait_until(asked_for_one, NULL, 30), "the redelivered one has its effect");
}

Test(webhook, private_ones_and_those_of_others_go_at_once)
{
	sign_in("grace");
	cr_assert(sync_comes_to("grace", "repositories", "idle", 30));
	github_change("{'change': 'transfer_repository', 'repository': 'ada/bernoulli', 'to': "
	              "'grace'}");
	github_webhook("{'event': 'repository', 'action': 'transferred', 'repository': "
	               "'grace/bernoulli', 'from': 'ada'}");
	expect_soon("select count(*) from repositories r join github_connections c using "
	            "(user_id) where r.name = 'bernoulli' and c.login = 'ada'",
	    0);
	expect_soon("select count(*) from repositories r join github_connections c using "
	            "(user_id) where r.full_name = 'grace/bernoulli' and c.login = 'grace'",
	    1);
	github_change(
	    "{'change': 'edit_repository', 'repository': 'ada/dotfiles', 'private': true}");
	github_webhook("{'event': 'repository', 'action': 'privatized', 'repository': "
	               "'ada/dotfiles'}");
	expect_soon(
	    "select count(*) from repositories where name = 'dotfiles' and misses = 0", 0);
}

Test(webhook, what_concerns_nobody_here_is_taken_and_forgotten)
{
	long before = stack_count("select count(*) from outbox");

	cr_expect_eq(
	    github_webhook("{'event': 'push', 'repository': 'linus/kernel'}").status, 202);
	cr_expect_eq(
	    github_webhook("{'event': 'ping', 'repository': 'ada/engine'}").status, 202);
	cr_expect_eq(stack_count("select count(*) from outbox"), before);
}

Test(webhook, zz_a_revoked_authorization_disconnects)
{
	cr_expect_eq(
	    github_webhook(
	        "{'event': 'github_app_authorization', 'action': 'revoked', 'login': 'ada'}")
	        .status,
	    202);
	expect_soon("select count(*) from github_connections where login = 'ada' and state = "
	            "'disconnected'",
	    1);
	cr_expect_eq(
	    stack_count("select count(*) from notifications where type = 'github_sync'"), 1);
}
