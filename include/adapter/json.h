/* json: Jansson reads what comes in (bodies, tokens, payloads); what goes out is written by
 * buf_json and adapter/render.h. Handles belong to the scope's arena. */
#ifndef ADAPTER_JSON_H
#define ADAPTER_JSON_H

#include "base/field.h"

struct json_t;

/* Once, before fork: a seed of the hash table that nobody can guess. */
void json_seed(void);

/* The text must be one object. Faults name line and column. Duplicate keys, U+0000 and bad
 * UTF-8 are refused (RFC 8259; Jansson's JSON_REJECT_DUPLICATES). */
enum err json_object_of(struct span text, struct json_t **out, struct scope *scope);

/* Whether the text is one object; says nothing about why not. */
bool json_object_ok(struct span text);

/* Fills a form's struct: all faulty fields at once, unknown ones too, each by its JSON
 * Pointer (RFC 6901). */
enum err json_fill(
    const struct json_t *object, const struct form *form, void *out, struct scope *scope);

/* Members; false when absent or of another type. Text lives as long as the object. */
bool json_get_text(const struct json_t *object, const char *key, const char **out);
bool json_has(const struct json_t *object, const char *key);
bool json_get_int(const struct json_t *object, const char *key, int64_t *out);
bool json_get_bool(const struct json_t *object, const char *key, bool *out);

/* A member that is an object, or the text at `i` of one that is a list; NULL otherwise. */
const struct json_t *json_get_object(const struct json_t *object, const char *key);
const char *json_get_item(const struct json_t *object, const char *key, size_t i);
bool json_get_count(const struct json_t *object, const char *key, size_t *out); /* of a list */

/* How many members the object has that are none of `keys` (NULL at the end). */
size_t json_others(const struct json_t *object, const char *const *keys);

/* The name of one of these; NULL: there is none. */
const char *json_other(const struct json_t *object, const char *const *keys);

#endif
