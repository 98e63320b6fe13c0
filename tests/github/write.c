/* write: JSON, a member at a time. A comma is due unless a bracket was just opened. */
#include <stdio.h>
#include <time.h>

#include "github/stand_in.h"

void
put_key(struct buf *b, const char *key)
{
	char last = b->len > 0 ? b->ptr[b->len - 1] : '{';

	if (last != '{' && last != '[')
		buf_char(b, ',');
	if (key == NULL)
		return;
	buf_json_string(b, span_of(key));
	buf_char(b, ':');
}

void
put_text(struct buf *b, const char *key, const char *text)
{
	put_key(b, key);
	buf_json_string(b, span_of(text));
}

void
put_text_or_null(struct buf *b, const char *key, const char *text)
{
	if (text == NULL || *text == '\0')
		put_null(b, key);
	else
		put_text(b, key, text);
}

void
put_int(struct buf *b, const char *key, int64_t n)
{
	put_key(b, key);
	buf_int(b, n);
}

void
put_bool(struct buf *b, const char *key, bool is)
{
	put_raw(b, key, is ? "true" : "false");
}

void
put_null(struct buf *b, const char *key)
{
	put_raw(b, key, "null");
}

void
put_time(struct buf *b, const char *key, int64_t seconds)
{
	time_t time = (time_t)seconds;
	struct tm tm;
	char text[32];

	gmtime_r(&time, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	put_text(b, key, text);
}

void
put_raw(struct buf *b, const char *key, const char *json)
{
	put_key(b, key);
	buf_puts(b, json);
}

static int
add_piece(const char *piece, size_t len, void *to)
{
	buf_add(to, (struct span){ piece, len });
	return 0;
}

void
put_json(struct buf *b, const char *key, const json_t *json)
{
	put_key(b, key);
	json_dump_callback(json, add_piece, b, JSON_COMPACT | JSON_ENCODE_ANY);
}

void
put_open(struct buf *b, const char *key, char bracket)
{
	put_key(b, key);
	buf_char(b, bracket);
}

const char *
http_date(struct arena *a, int64_t seconds)
{
	time_t time = (time_t)seconds;
	struct tm tm;
	char text[64];

	gmtime_r(&time, &tm);
	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	return arena_text(a, span_of(text));
}
