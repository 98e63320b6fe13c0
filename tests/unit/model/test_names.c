/* names: words of groups and budgets. */
#include "model/names.h"

#include <criterion/criterion.h>

#include "model/metric.h"

enum { ALL = (1 << GROUP_COUNT) - 1 };

Test(names, each_group_by_its_name)
{
	for (enum group g = 0; g < GROUP_COUNT; g++)
		cr_assert_eq(group_set(span_of(group_name(g))), 1u << g, "%s", group_name(g));
	cr_assert_str_eq(group_name(GROUP_login), "login");
	cr_assert_str_eq(group_name(GROUP_meta), "meta");
}

static const struct {
	const char *list;
	unsigned set;
} lists[] = {
	{ "users,meta", 1u << GROUP_users | 1u << GROUP_meta },
	{ " users , meta ", 1u << GROUP_users | 1u << GROUP_meta },
	{ "all", ALL & ~(1u << GROUP_login) },
	{ "all,login", ALL },
	{ "login,all", ALL },
	{ "all,users", ALL & ~(1u << GROUP_login) },
	{ "users,users", 1u << GROUP_users },
	{ "", 0 },
	{ "user", 0 },
	{ "Users", 0 },
	{ "users,", 0 },
	{ ",users", 0 },
	{ "users,nobody", 0 },
	{ "nobody,users", 0 },
	{ "users meta", 0 },
};

Test(names, lists_of_groups)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		cr_assert_eq(group_set(span_of(lists[i].list)), lists[i].set, "\"%s\": %x",
		    lists[i].list, group_set(span_of(lists[i].list)));
	cr_assert_eq(group_set((struct span){ NULL, 0 }), 0);
}

Test(names, budgets_have_different_words)
{
	for (enum budget a = 0; a < BUDGET_COUNT; a++)
		for (enum budget b = 0; b < a; b++)
			cr_assert_str_neq(budget_name(a), budget_name(b));
	cr_assert_str_eq(budget_name(BUDGET_READ), "read");
}

Test(names, metrics_have_help)
{
	cr_assert_str_neq(metric_help("codegram_http_requests_total"), "");
	cr_assert_str_eq(metric_help("codegram_http_requests"), "");
	cr_assert_str_eq(metric_help(""), "");
}
