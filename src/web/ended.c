/* ended: the marks in Redis that make rate_limit() refuse the access tokens of a session that
 * was ended. When Redis does not take them the scheduler sets them, as soon as it can. */
#include "web/app.h"

#include "base/log.h"

/* A key and an argument each. */
enum { MARKS_MAX = REDIS_SCRIPT_WORDS_MAX / 2 };

static struct redis_script script = {
	.text = "for i = 1, #KEYS do redis.call('SET', KEYS[i], '1', 'EX', ARGV[i]) end\n"
	        "return {1}\n",
};

static enum err
mark(struct request *r, const struct session_ended *ended, size_t count)
{
	const char *words[2 * MARKS_MAX];
	size_t answers;
	int64_t answer;

	for (size_t i = 0; i < count; i++) {
		words[i] = arena_format(r->scope.arena, "cg:dead:%s", ended[i].id.text);
		words[count + i] =
		    arena_format(r->scope.arena, "%lld", (long long)ended[i].seconds);
		if (words[i] == NULL || words[count + i] == NULL)
			return ERR_NO_MEMORY;
	}
	return redis_run(r->app->redis, &script, (int)count, (int)count, words, &answer, 1,
	    &answers, &r->scope.fault);
}

void
mark_ended(struct request *r)
{
	for (size_t at = 0; at < r->ended_count; at += MARKS_MAX) {
		size_t left = r->ended_count - at;
		if (mark(r, r->ended + at, left < MARKS_MAX ? left : MARKS_MAX) == OK)
			continue;
		LOG(LEVEL_WARN, "session.not_marked", L_INT("sessions", left),
		    L_TEXT("reason", r->scope.fault.story));
		fault_reset(&r->scope.fault);
		return;
	}
}
