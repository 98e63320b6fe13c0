/* part: the pulses of all processes, put together by part. */
#include "base/part.h"

#include <stdio.h>

const char *
part_state_word(enum part_state state)
{
	static const char *const words[PART_STATES] = { "ok", "frozen", "stopped" };

	return words[state];
}

/* NULL: no room. */
static struct part *
part_of(struct part *parts, size_t *count, struct span name)
{
	for (size_t i = 0; i < *count; i++)
		if (span_is(name, parts[i].name))
			return &parts[i];
	if (*count == PARTS_MAX || name.len == 0 || name.len >= PULSE_NAME_MAX)
		return NULL;
	parts[*count] = (struct part){ .state = PART_STOPPED, .age = -1 };
	snprintf(parts[*count].name, PULSE_NAME_MAX, "%.*s", (int)name.len, name.ptr);
	return &parts[(*count)++];
}

/* One process that stands still is worth to be seen, though another one does the work. */
static void
add(struct part *part, const struct pulse *pulse)
{
	if (part->age < 0 || pulse->age < part->age)
		part->age = pulse->age;
	part->unmissed = part->unmissed && pulse->ended;
	if (!pulse->lives)
		return;
	part->processes++;
	if (pulse->age >= PART_SLOW)
		part->state = PART_FROZEN;
	else if (part->state == PART_STOPPED)
		part->state = PART_OK;
}

size_t
parts_look(const char *run_dir, struct span expected, struct part out[PARTS_MAX])
{
	struct pulse pulses[COUNTER_FILES_MAX];
	char dir[4096];
	size_t count = 0, found;

	while (expected.ptr != NULL)
		part_of(out, &count, span_trim(span_cut(&expected, ',')));
	snprintf(dir, sizeof(dir), "%s/stats", run_dir);
	found = counter_pulses(dir, pulses, COUNTER_FILES_MAX);
	for (size_t i = 0; i < found; i++) {
		size_t before = count;
		struct part *part = part_of(out, &count, span_of(pulses[i].part));
		if (part == NULL)
			continue;
		part->unmissed = part->unmissed || count > before;
		add(part, &pulses[i]);
	}
	return count;
}
