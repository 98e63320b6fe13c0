/* names: words for enums, from the same rows. */
#include "model/names.h"

static const char *const groups[] = {
#define GROUP(name) #name,
#include "model/group.def"
#undef GROUP
};

static const char *const budgets[] = {
#define BUDGET(name, word, anonymous_key, key, seconds) word,
#include "model/budget.def"
#undef BUDGET
};

const char *
group_name(enum group g)
{
	return groups[g];
}

const char *
budget_name(enum budget b)
{
	return budgets[b];
}

unsigned
group_set(struct span list)
{
	unsigned set = 0;

	while (list.ptr != NULL) {
		struct span word = span_trim(span_cut(&list, ','));
		bool known = span_is(word, "all");
		if (known)
			set |= ((1u << GROUP_COUNT) - 1) & ~(1u << GROUP_login);
		for (unsigned g = 0; g < GROUP_COUNT; g++)
			if (span_is(word, groups[g])) {
				set |= 1u << g;
				known = true;
			}
		if (!known)
			return 0;
	}
	return set;
}
