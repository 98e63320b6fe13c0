/* constraint: a name in the schema → the answer that its violation gets. Forms refuse what the
 * schema would, but for sizes in bytes; should they ever differ, the answer still names the
 * field. tests/sql holds every CHECK of the schema against this table. */
#include "store/statements.h"

#define TOO_LONG(name, field, max)                                                             \
	{                                                                                      \
		name, ERR_INVALID, field, "TOO_LONG", "is empty or has too many characters",   \
		    max                                                                        \
	}

const struct db_constraint store_constraints[] = {
	{ "snippets_code_check", ERR_INVALID, "/code", "TOO_LONG", "has more than 262144 bytes",
	    262144 },
	TOO_LONG("snippets_title_check", "/title", 200),
	TOO_LONG("snippets_description_check", "/description", 2000),
	TOO_LONG("snippets_filename_check", "/filename", 255),
	{ "snippets_tags_check", ERR_INVALID, "/tags", "TOO_MANY", "has too many items", 10 },
	TOO_LONG("users_full_name_check", "/full_name", 100),
	TOO_LONG("users_bio_check", "/bio", 500),
	TOO_LONG("users_location_check", "/location", 100),
	TOO_LONG("users_company_check", "/company", 100),
	TOO_LONG("users_website_check", "/website", 200),
	TOO_LONG("access_tokens_name_check", "/name", 100),
	{ "access_tokens_scopes_check", ERR_INVALID, "/scopes", "TOO_FEW",
	    "must be some of read, write and admin", 1 },
	{ "users_username_key", ERR_CONFLICT, "/username", "TAKEN", "is taken", 0 },
	{ "follows_not_oneself", ERR_INVALID, "/username", "ONESELF", "is oneself", 0 },
	{ NULL, OK, NULL, NULL, NULL, 0 },
};
