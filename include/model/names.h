/* names: the words that several floors share: who may call, budgets, groups, paths. */
#ifndef MODEL_NAMES_H
#define MODEL_NAMES_H

#include "base/field.h"

#define API_PREFIX "/api/v1"

enum who {
	ANYONE,  /* a token is ignored */
	BROWSER, /* the same; a person looks at the answer: failures lead to the frontend */
	VIEWER,  /* richer with a token; a bad one is 401 */
	USER,    /* token needed */
	SESSION, /* a signed-in person's, not a personal access token */
	ADMIN,
};

enum group {
#define GROUP(name) GROUP_##name,
#include "model/group.def"
#undef GROUP
	GROUP_COUNT
};

const char *group_name(enum group g);

/* Bit set of a list "users,meta"; "all" is every group but login. 0: a word is unknown. */
unsigned group_set(struct span list);

enum budget {
#define BUDGET(name, word, anonymous_key, key, seconds) BUDGET_##name,
#include "model/budget.def"
#undef BUDGET
	BUDGET_COUNT
};

const char *budget_name(enum budget b);

/* The person behind an access token; id is empty for an anonymous caller. */
struct viewer {
	struct uuid id, session;
	char username[40];
	bool admin;
};

#endif
