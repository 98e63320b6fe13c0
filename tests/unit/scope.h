/* scope: a scope for the tests of one file: TestSuite(x, .init = open_scope, .fini =
 * close_scope). The arena is freed at the end, so what hangs on it must not leak. */
#ifndef UNIT_SCOPE_H
#define UNIT_SCOPE_H

#include <criterion/criterion.h>

#include "base/scope.h"

static struct scope scope;

static inline void
open_scope(void)
{
	scope = (struct scope){ .arena = arena_make(16 * 1024, 8 * 1024 * 1024) };
	cr_assert_not_null(scope.arena);
}

static inline void
close_scope(void)
{
	arena_free(scope.arena);
	scope.arena = NULL;
}

/* Forgets what was faulty, for the next row of a table. */
static inline void
next_row(void)
{
	arena_reset(scope.arena);
	fault_reset(&scope.fault);
}

/* The fault's code at `i`, or "". */
static inline const char *
fault_code(size_t i)
{
	return i < scope.fault.count ? scope.fault.fields[i].code : "";
}

static inline const char *
fault_where(size_t i)
{
	return i < scope.fault.count ? scope.fault.fields[i].field : "";
}

#endif
