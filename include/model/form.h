/* form: the structs that requests, rows and the configuration are read into, and their
 * descriptions, both made of the rows in the .def files. Pure data. */
#ifndef MODEL_FORM_H
#define MODEL_FORM_H

#include "base/field.h"
#include "model/rule.h"

#define KIB 1024

#define FORM_BEGIN(this_form, max_bytes)                                                       \
	struct this_form {                                                                     \
		struct presence presence;
#define FIELD(this_form, type, name, flags, min, max, item_max, fallback, rule, help)          \
	CTYPE_##type name;
#define FORM_END(this_form)                                                                    \
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
	extern const struct form form_##this_form;                                             \
	enum {
#define FIELD(this_form, type, name, flags, min, max, item_max, fallback, rule, help)          \
	FORM_##this_form##_##name,
#define FORM_END(this_form)                                                                    \
	FORM_##this_form##_COUNT                                                               \
	}                                                                                      \
	;
#include "model/form.def"
#include "model/payload.def"
#include "model/row.def"
#include "model/settings.def"
#undef FORM_BEGIN
#undef FIELD
#undef FORM_END

#endif
