/* seed: the world at the start: the seed's changes, then those of the journal, each at the time
 * at which it happened. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/log.h"
#include "github/stand_in.h"

static bool
fill_seed(struct world *w)
{
	json_error_t where;
	json_t *list = json_load_file(w->seed, JSON_REJECT_DUPLICATES, &where), *change;
	const char *wrong;
	size_t i;

	if (!json_is_array(list)) {
		LOG(LEVEL_ERROR, "github.seed", L_TEXT("file", w->seed),
		    L_TEXT("reason", where.text), L_INT("line", where.line));
		return false;
	}
	json_array_foreach(list, i, change)
	{
		if ((wrong = change_apply(w, change)) == NULL)
			continue;
		LOG(LEVEL_ERROR, "github.seed", L_INT("change", i), L_TEXT("reason", wrong));
		json_decref(list);
		return false;
	}
	json_decref(list);
	return true;
}

/* A last line that was cut off counts for nothing. */
static void
fill_journal(struct world *w)
{
	char *line = NULL;
	size_t size = 0;
	json_t *change;

	if (w->journal == NULL)
		return;
	umask(0077);
	w->journal_file = fopen(w->journal, "a+e");
	if (w->journal_file == NULL)
		return;
	rewind(w->journal_file);
	while (getline(&line, &size, w->journal_file) > 0) {
		change = json_loads(line, 0, NULL);
		w->now = json_integer_value(json_object_get(change, "at"));
		if (change != NULL)
			change_apply(w, change);
		json_decref(change);
	}
	w->now = 0;
	free(line);
}

bool
world_fill(struct world *w)
{
	world_clear(w);
	if (!fill_seed(w))
		return false;
	fill_journal(w);
	return true;
}

void
journal_add(struct world *w, json_t *change)
{
	if (w->journal_file == NULL)
		return;
	json_object_set_new(change, "at", json_integer(world_now(w)));
	json_dumpf(change, w->journal_file, JSON_COMPACT);
	fputc('\n', w->journal_file);
	fflush(w->journal_file);
}
