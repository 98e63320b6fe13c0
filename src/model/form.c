/* form: the descriptions of every form, made of the .def files. */
#include "model/form.h"

#define CODEGRAM_FIELD(this_form, type, name, flags, min, max, item_max, fallback, rule, help) \
	{ #name, FIELD_##type, flags, offsetof(struct this_form, name), min, max, item_max,    \
		fallback, rule, help },

#define FORM_BEGIN(this_form, max_bytes) static const struct field fields_##this_form[] = {
#define FIELD(...) CODEGRAM_FIELD(__VA_ARGS__)
#define FORM_END(this_form)                                                                    \
	{                                                                                      \
		.name = NULL                                                                   \
	}                                                                                      \
	}                                                                                      \
	;
#include "model/form.def"
#include "model/payload.def"
#include "model/row.def"
#include "model/settings.def"
#undef FORM_BEGIN
#undef FIELD
#undef FORM_END

#define FORM_BEGIN(this_form, max_bytes)                                                       \
	const struct form form_##this_form = { #this_form, fields_##this_form,                 \
		sizeof(fields_##this_form) / sizeof(*fields_##this_form) - 1,                  \
		sizeof(struct this_form), max_bytes };
#define FIELD(...)
#define FORM_END(this_form)
#include "model/form.def"
#include "model/payload.def"
#include "model/row.def"
#include "model/settings.def"
