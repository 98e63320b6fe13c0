/* json_list: JSON that other services answer: lists, members whose names are data. Handles
 * belong to the scope's arena. Owned by Jansson, as adapter/json.h. */
#ifndef ADAPTER_JSON_LIST_H
#define ADAPTER_JSON_LIST_H

#include "adapter/json.h"

/* The text must be an object or a list. A stranger's text must not spoil what stands around it:
 * U+0000 ends a text; bytes that are no UTF-8 and half a surrogate pair become U+FFFD, other
 * control characters blanks; of a name that is there twice the last one holds. ERR_BAD_JSON. */
enum err json_any_of(struct span text, struct json_t **out, struct scope *scope);

bool json_is_list(const struct json_t *json);
size_t json_count(const struct json_t *list); /* 0 unless it is a list */

/* The object, or the text, at `i`; NULL when there is none. */
const struct json_t *json_at(const struct json_t *list, size_t i);
const char *json_text_at(const struct json_t *list, size_t i);

/* A member that is a list; NULL otherwise. */
const struct json_t *json_get_list(const struct json_t *object, const char *key);

/* Members whose values are whole numbers ({"C": 1234, …}), in their order; others are left
 * out. */
struct json_number {
	const char *key;
	int64_t value;
};
enum err json_numbers(
    const struct json_t *object, struct json_number **out, size_t *count, struct scope *scope);

#endif
