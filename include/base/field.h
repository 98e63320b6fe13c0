/* field: one language for what a struct can be filled from (JSON body, query, configuration,
 * database row). A form is a row of fields; name, type and offset come from the struct.
 * The structs and their forms stand in model/ (.def files). */
#ifndef BASE_FIELD_H
#define BASE_FIELD_H

#include "base/scope.h"

/* Lower-case text of RFC 9562; empty = none (NULL in SQL). */
struct uuid {
	char text[37];
};

struct texts {
	const char **items;
	size_t count;
};

bool texts_have(const struct texts *list, struct span text);

enum field_type {
	FIELD_TEXT,   /* const char *, NUL-terminated UTF-8 in the arena */
	FIELD_TEXTS,  /* struct texts; in a query separated by commas */
	FIELD_INT,    /* int64_t */
	FIELD_BOOL,   /* bool */
	FIELD_UUID,   /* struct uuid */
	FIELD_CHOICE, /* int, index into the rule's choices */
	FIELD_OBJECT, /* const char *, compact JSON text of an object of at most `max` bytes */
};

#define CTYPE_TEXT const char *
#define CTYPE_TEXTS struct texts
#define CTYPE_INT int64_t
#define CTYPE_BOOL bool
#define CTYPE_UUID struct uuid
#define CTYPE_CHOICE int
#define CTYPE_OBJECT const char *

enum {
	REQUIRED = 1, /* must be there */
	NULLABLE = 2, /* JSON null clears it */
	SECRET = 4,   /* configuration: never shown, may come from a credential file */
	RELOAD = 8,   /* configuration: taken anew at SIGHUP */
};

/* What a text must look like, beyond its length. */
struct rule {
	const char *code, *message; /* of the fault */
	bool (*ok)(struct span text);
	const char *const *choices; /* FIELD_CHOICE: the words, NULL at the end */
	bool visible;               /* blanks alone are no text, nor what can't be seen */
};

struct field {
	const char *name;
	enum field_type type;
	unsigned flags;
	size_t offset;
	int64_t min, max; /* texts: code points; lists: items; numbers: value; both 0: any */
	int64_t item_max; /* lists: code points of an item */
	const char *fallback;    /* when absent, as text; NULL: left empty */
	const struct rule *rule; /* for lists: of each item; may be NULL */
	const char *help;
};

struct form {
	const char *name;
	const struct field *fields;
	size_t count, size;
	size_t max_bytes; /* of a body */
};

/* Every struct of a form begins with these: bit i stands for fields[i]. */
struct presence {
	uint64_t given; /* was there, null or not */
	uint64_t null;
};

/* form_has(in, snippet_edit, title) */
#define form_has(in, form, field) (((in)->presence.given >> FORM_##form##_##field) & 1)

/* Code points of valid UTF-8. */
size_t field_points(struct span text);

/* Sets fields[i] of `out` from text. `where` names it in a fault ("?limit", "/tags/2").
 * `text` must be valid UTF-8. */
enum err field_set(const struct form *form, size_t i, void *out, struct span text,
    const char *where, struct scope *scope);

/* As if it had not been set. */
void field_unset(size_t i, void *out);

/* Checks length and rule of one text; adds the fault. Used for fields and items of lists. */
enum err field_check_text(struct span text, int64_t min, int64_t max, const struct rule *rule,
    const char *where, struct fault *fault);
enum err field_check_int(
    const struct field *f, int64_t n, const char *where, struct fault *fault);

/* Fallbacks for what was not given, then a fault for each missing REQUIRED one; `prefix` is
 * "?" or "/". */
enum err field_finish(
    const struct form *form, void *out, const char *prefix, struct scope *scope);

/* Index of the field, or -1. */
int field_find(const struct form *form, struct span name);

void *field_at(const struct form *form, size_t i, void *out);

bool uuid_parse(struct span text, struct uuid *out); /* takes upper case, gives lower */
static inline bool
uuid_empty(const struct uuid *u)
{
	return u->text[0] == '\0';
}

#endif
