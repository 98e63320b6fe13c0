/* config: every key, its value and where that is from. */
#include "ctl/command.h"

#include <stdio.h>

static void
value_text_of(const struct ctl *ctl, size_t i, struct buf *out)
{
	const struct field *f = &ctl->conf->form->fields[i];
	const void *at = (const char *)ctl->conf->settings + f->offset;
	const char *text = f->type == FIELD_TEXT ? *(const char *const *)at : NULL;

	if (f->flags & SECRET)
		buf_puts(out, text && *text ? "(set)" : "(not set)");
	else if (f->type == FIELD_TEXT)
		buf_puts(out, text ? text : "");
	else if (f->type == FIELD_BOOL)
		buf_puts(out, *(const bool *)at ? "on" : "off");
	else if (f->type == FIELD_CHOICE)
		buf_puts(out, f->rule->choices[*(const int *)at]);
	else
		buf_int(out, *(const int64_t *)at);
}

static void
print_row(const struct ctl *ctl, size_t i, struct buf *out)
{
	const struct field *f = &ctl->conf->form->fields[i];
	const char *origin = conf_origin_name((enum conf_origin)ctl->conf->origin[i]);
	struct buf value;

	buf_init(&value, 64 * KIB);
	value_text_of(ctl, i, &value);
	if (ctl->json) {
		buf_format(out, "%s{\"key\":\"%s\",\"value\":", i ? "," : "", f->name);
		buf_char(out, '"');
		buf_json_any(out, buf_span(&value));
		buf_format(out, "\",\"origin\":\"%s\",\"secret\":%s,\"reload\":%s}", origin,
		    f->flags & SECRET ? "true" : "false", f->flags & RELOAD ? "true" : "false");
	} else {
		buf_format(out, "%-24s %-11s %s\n%24s # %s\n", f->name, origin,
		    buf_text(&value), "", f->help);
	}
	buf_free(&value);
}

int
command_config(struct ctl *ctl, int argc, char **argv)
{
	struct buf out;

	(void)argv;
	if (argc > 1)
		return ctl_usage(ctl, "takes no arguments");
	buf_init(&out, 1024 * KIB);
	if (ctl->json)
		buf_char(&out, '[');
	for (size_t i = 0; i < ctl->conf->form->count; i++)
		print_row(ctl, i, &out);
	if (ctl->json)
		buf_puts(&out, "]\n");
	fputs(buf_text(&out), stdout);
	buf_free(&out);
	return ctl->findings->count ? CTL_FAILED : CTL_OK; /* main() said them */
}
