/* live: the relay's counters, an event by hand, a token for it. */
#include "ctl/command.h"

#include <getopt.h>
#include <stdio.h>

#include "adapter/json.h"
#include "adapter/jwt.h"
#include "adapter/redis.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/random.h"
#include "model/live.h"
#include "model/metric.h"
#include "store/session.h"
#include "store/user.h"

#define FAMILY "codegram_relay_"

enum { TOKEN_SECONDS = 900, STATS_MAX = 1024 * KIB };

/* A line of the text format is NAME{LABELS} VALUE. */
static void
print_line(struct span line, bool json, bool *first)
{
	struct span rest = line, name = span_cut(&rest, ' ');

	if (!span_starts(name, SPAN(FAMILY)))
		return;
	name.ptr += strlen(FAMILY);
	name.len -= strlen(FAMILY);
	if (json) {
		struct buf key;
		buf_init(&key, 4 * KIB);
		buf_json(&key, name);
		printf("%s\"%s\":%.*s", *first ? "" : ",", buf_text(&key), (int)rest.len,
		    rest.ptr);
		buf_free(&key);
	} else
		printf("%-44.*s %.*s\n", (int)name.len, name.ptr, (int)rest.len, rest.ptr);
	*first = false;
}

static int
stats(struct ctl *ctl, int argc, char **argv)
{
	char path[4096];
	struct buf text;
	struct span rest;
	bool first = true;

	(void)argv;
	if (argc != 1)
		return ctl_usage(ctl, "stats takes no arguments");
	snprintf(path, sizeof(path), "%s/stats", ctl->settings->RUN_DIR);
	buf_init(&text, STATS_MAX);
	counter_print(path, metric_help, &text);
	rest = buf_span(&text);
	if (ctl->json)
		putchar('{');
	while (rest.ptr != NULL)
		print_line(span_cut(&rest, '\n'), ctl->json, &first);
	if (ctl->json)
		puts("}");
	buf_free(&text);
	if (!ctl->json && first)
		fprintf(stderr, "codegramctl live: no relay has counted below %s yet\n", path);
	return CTL_OK;
}

static int
publish(struct ctl *ctl, int argc, char **argv)
{
	const struct settings *s = ctl->settings;
	struct redis_options options = { s->REDIS_URL, "codegram-ctl", s->REDIS_PASSWORD,
		(int)s->REDIS_TIMEOUT_MS * 10 };
	struct redis *redis;
	struct redis_reply reply;
	struct json_t *data;
	enum err e;

	if (argc != 4)
		return ctl_usage(ctl, "publish wants ROOM EVENT JSON");
	if (!live_room_ok(span_of(argv[1])))
		return ctl_usage(ctl, "a room is user:ID, snippet:ID, doc:ID (a UUID in small "
		                      "letters) or admin");
	if (!live_event_ok(span_of(argv[2])))
		return ctl_usage(ctl, "an event is 1 to 64 of a-z, 0-9 and _ - . :");
	if (json_object_of(span_of(argv[3]), &data, &ctl->scope) != OK)
		return ctl_usage(ctl, "the data must be a JSON object");
	if (strlen(argv[3]) > LIVE_EVENT_BYTES)
		return ctl_usage(
		    ctl, "the data has more than 8 KiB: no relay would pass it on");
	if ((redis = redis_make(&options)) == NULL)
		return ctl_failed(ctl, ERR_NO_MEMORY, "nothing was published");
	e = redis_call(redis,
	    (const struct span[]){ SPAN("XADD"), SPAN("cg:{rt}:log"), SPAN("*"), SPAN("r"),
	        span_of(argv[1]), SPAN("e"), span_of(argv[2]), SPAN("d"), span_of(argv[3]) },
	    9, &reply, &ctl->scope);
	redis_free(redis);
	if (e != OK || reply.count == 0)
		return ctl_failed(ctl, e, "nothing was published");
	if (ctl->json)
		printf("{\"id\":\"%s\",\"room\":\"%s\",\"event\":\"%s\"}\n",
		    redis_text(&reply, 0), argv[1], argv[2]);
	else
		puts(redis_text(&reply, 0));
	return CTL_OK;
}

static enum err
make_token(struct ctl *ctl, const char *username, int64_t seconds, const char **token)
{
	const struct settings *s = ctl->settings;
	struct db *db = ctl_db(ctl, "codegram-ctl");
	struct jwt_claims claims = { .session = uuid_make(), .id = uuid_make() };
	struct user_head user;
	struct jwt_ring ring;
	enum err e;

	if (jwt_ring_fill(&ring, s->JWT_ISSUER, "codegram-live", s->JWT_LIVE_SECRET,
	        s->JWT_LIVE_SECRET_NEXT, s->JWT_LIVE_SECRET_PREVIOUS) != OK)
		return fault(&ctl->scope.fault, ERR_INVALID, "JWT_LIVE_SECRET is not set");
	e = q_user_by_name(db, username, &user);
	if (e == ERR_NOT_FOUND)
		return fault(&ctl->scope.fault, e, "there is no user %s", username);
	TRY(e);
	claims.subject = user.id;
	claims.issued = clock_now() / 1000000;
	claims.expires = claims.issued + seconds;
	snprintf(claims.username, sizeof(claims.username), "%s", user.username);
	snprintf(claims.role, sizeof(claims.role), "%s", user.role);
	TRY(q_session_create(db, claims.session, user.id, "codegramctl", seconds));
	return jwt_mint(&ring, &claims, token, &ctl->scope);
}

static int
token(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = { { "seconds", 1, NULL, 's' },
		{ NULL, 0, NULL, 0 } };
	int64_t seconds = TOKEN_SECONDS;
	const char *text, *username;
	enum err e;
	int c;

	while ((c = getopt_long(argc, argv, "s:", options, NULL)) != -1)
		if (c != 's' || ctl_seconds(ctl, optarg, &seconds) != CTL_OK)
			return CTL_USAGE;
	if (ctl_person(ctl, argc - optind, argv + optind, &username) != CTL_OK)
		return CTL_USAGE;
	if ((e = make_token(ctl, username, seconds, &text)) != OK)
		return ctl_failed(ctl, e, "no token was made");
	if (ctl->json)
		printf("{\"token\":\"%s\",\"expiresIn\":%lld}\n", text, (long long)seconds);
	else
		puts(text);
	return CTL_OK;
}

int
command_live(struct ctl *ctl, int argc, char **argv)
{
	static const struct {
		const char *word;
		int (*run)(struct ctl *ctl, int argc, char **argv);
	} words[] = { { "stats", stats }, { "publish", publish }, { "token", token } };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (argc > 1 && strcmp(argv[1], words[i].word) == 0)
			return words[i].run(ctl, argc - 1, argv + 1);
	return ctl_usage(ctl, "wants stats, publish or token");
}
