/* check finds whatever does not fit together, --repair mends it, and then it is silent. */
#include "queue/calls.h"

TestSuite(check, .init = open_queue, .fini = close_queue);

/* One thing broken by `line` in a queue that has a job in every state. */
struct row {
	const char *line;
	size_t faults; /* at least */
};

static void
fill(void)
{
	struct queue_lease lease;
	enum cancel_answer cancelled;

	GOOD(queue_remove(redis, Q, "none", &scope) == ERR_NOT_FOUND ? OK : ERR_INTERNAL);
	add("completed", 0, 0, NULL);
	cr_expect(finish("a", take_one("a")));
	add("failed", 0, 0, NULL);
	end_as("a", take_one("a"), END_DEAD, 0);
	add("cancelled", 0, 0, NULL);
	GOOD(queue_cancel(redis, Q, "cancelled", &cancelled, &scope));
	add_item((struct queue_item){
	    .id = "active", .key = "key", .unique = "last", .unique_mode = UNIQUE_LAST });
	add_item((struct queue_item){ .id = "in-line", .key = "key" });
	lease = take_one("a");
	cr_expect_eq(take("a", 1).count, 0u);
	cr_expect_eq(add_item((struct queue_item){
	                 .id = "after", .unique = "last", .unique_mode = UNIQUE_LAST }),
	    ADD_KEPT);
	add_item((struct queue_item){ .id = "member", .batch = "b" });
	add_item((struct queue_item){
	    .id = "final", .batch = "b", .batch_final = true, .batch_total = 2 });
	add("delayed", 0, 60000, "wait");
	add("waiting", 0, 0, "unique");
	(void)lease;
}

static void
break_and_mend(const struct row *row)
{
	size_t found;

	command("FLUSHALL");
	fill();
	cr_expect_eq(check(Q, false), 0u, "before: %s", row->line);
	command(row->line);
	found = check(Q, false);
	cr_expect_geq(found, row->faults, "%s: %zu faults", row->line, found);
	cr_expect_eq(check(Q, false), found, "only looking changes nothing: %s", row->line);
	for (int i = 0; i < 3 && found > 0; i++)
		found = check(Q, true);
	cr_expect_eq(check(Q, false), 0u, "not mended: %s", row->line);
}

#define C "cg:{" Q "}:"

CHECKED(check, finds_and_mends)
{
	static const struct row rows[] = {
		{ "DEL " C "j:waiting", 1 },
		{ "DEL " C "j:active", 1 },
		{ "DEL " C "j:delayed", 1 },
		{ "DEL " C "j:completed", 1 },
		{ "DEL " C "j:failed", 1 },
		{ "DEL " C "j:cancelled", 1 },
		{ "DEL " C "j:in-line", 1 },
		{ "DEL " C "j:after", 1 },
		{ "DEL " C "j:member", 1 },
		{ "DEL " C "j:final", 1 },
		{ "HDEL " C "j:waiting d", 1 },
		{ "HDEL " C "j:waiting x", 1 },
		{ "HDEL " C "j:in-line b", 1 },
		{ "HSET " C "j:waiting b key", 1 },
		{ "HDEL " C "j:active k", 1 },
		{ "HSET " C "j:active k nobody", 1 },
		{ "ZADD " C "dly 1 waiting", 1 },
		{ "ZADD " C "done 1 waiting", 1 },
		{ "ZADD " C "dead 1 active", 1 },
		{ "ZADD " C "blk 1 delayed", 1 },
		{ "ZADD " C "dly 1 nobody", 1 },
		{ "ZADD " C "cancelled 1 nobody", 1 },
		{ "ZREM " C "dly delayed", 1 },
		{ "ZREM " C "done completed", 1 },
		{ "ZREM " C "blk in-line", 1 },
		{ "ZREM " C "blk final", 1 },
		{ "ZREM " C "blk after", 1 },
		{ "XADD " C "s:n * j nobody", 1 },
		{ "XADD " C "s:l * j waiting", 1 },
		{ "XADD " C "s:h * j delayed", 1 },
		{ "XADD " C "s:n * j in-line", 1 },
		{ "DEL " C "s:n", 1 },
		{ "XGROUP SETID " C "s:n w $", 1 },
		{ "DEL " C "u:unique", 1 },
		{ "DEL " C "u:last", 1 },
		{ "SET " C "u:unique delayed", 1 },
		{ "SET " C "u:stray nobody", 1 },
		{ "SET " C "u:stray completed", 1 },
		{ "DEL " C "k:key", 1 },
		{ "DEL " C "kq:key", 1 },
		{ "SADD " C "k:key2 nobody", 1 },
		{ "ZREM " C "kq:key in-line", 1 },
		{ "ZADD " C "kq:key 9 nobody", 1 },
		{ "ZADD " C "kq:key2 1 waiting", 1 },
		{ "SADD " C "bm:b nobody", 1 },
		{ "SET " C "b:b 2", 1 },
		{ "SADD " C "bf:b nobody", 1 },
		{ "SREM " C "bf:b final", 1 },
		{ "DEL " C "bf:b", 1 },
		{ "RPUSH " C "log:nobody line", 1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		break_and_mend(&rows[i]);
}

/* What is mended runs: nothing that was waiting is lost. */
CHECKED(check, mended_jobs_run)
{
	struct queue_step step;

	add("one", 0, 0, NULL);
	add("two", 0, 60000, NULL);
	command("DEL " C "s:n");
	command("DEL " C "dly");
	cr_expect_eq(check(Q, true), 2u);
	step = take("a", 5);
	cr_expect_eq(step.count, 2u);
}

/* More than one step of each kind. */
CHECKED(check, many)
{
	struct queue_fault *faults;
	size_t count;
	int64_t looked_at;

	for (int i = 0; i < 1300; i++) {
		char id[16];
		snprintf(id, sizeof(id), "%d", i);
		add(id, QUEUE_LANES[i % 3], i % 4 ? 0 : 60000, NULL);
	}
	GOOD(queue_check(redis, Q, false, &faults, &count, &looked_at, &scope));
	cr_expect_eq(count, 0u);
	cr_expect_geq(looked_at, 2600, "%ld", (long)looked_at);
	command("DEL " C "s:l");
	cr_expect_gt(check(Q, true), 300u);
	expect_stats(975, 0, 325, 0, 0);
}

/* Runs Lua on the queue's keys. */
static void
script(const char *lua)
{
	struct span words[] = { SPAN("EVAL"), span_of(lua), SPAN("1"), SPAN("cg:{" Q "}") };
	struct redis_reply reply;

	GOOD(redis_call(redis, words, 4, &reply, &scope));
}

/* More faults than fit on Lua's stack. */
CHECKED(check, badly_damaged)
{
	script("for b = 1, 8 do for i = 1, 500 do "
	       "redis.call('SADD', KEYS[1] .. ':bm:' .. b, 'gone' .. i) end end");
	cr_expect_eq(check(Q, false), 1000u, "no more are told");
	for (int i = 0; i < 20 && check(Q, true) > 0; i++)
		;
	cr_expect_eq(command("EXISTS cg:{" Q "}:bm:1"), 0);
}

/* No call holds up Redis for long, however many stand in line for one key. */
CHECKED(check, long_line)
{
	struct queue_item item = { .id = "first", .key = "key" };

	cr_expect_eq(add_item(item), ADD_DONE);
	take_one("a");
	item.id = "second";
	cr_expect_eq(add_item(item), ADD_DONE);
	cr_expect_eq(take("a", 1).count, 0u);
	script("for i = 1, 40000 do local id = 'x' .. i "
	       "redis.call('HSET', KEYS[1] .. ':j:' .. id, 'n', 'work', 'd', '{}', 'l', 'n', "
	       "'t', '1', 'b', 'key', 'p', '{\"key\":\"key\"}') "
	       "redis.call('ZADD', KEYS[1] .. ':blk', i, id) "
	       "redis.call('ZADD', KEYS[1] .. ':kq:key', i + 1, id) end");
	command("CONFIG SET slowlog-log-slower-than 250000");
	command("SLOWLOG RESET");
	cr_expect_eq(check(Q, false), 0u);
	cr_expect_eq(command("SLOWLOG LEN"), 0);
	GOOD(queue_remove(redis, Q, "x20000", &scope));
	cr_expect_eq(command("ZCARD cg:{" Q "}:kq:key"), 40000);
	command("ZREM cg:{" Q "}:kq:key x39999");
	cr_expect_eq(check(Q, true), 1u, "it stands nowhere in the line");
	expect_state("x39999", "waiting");
}
