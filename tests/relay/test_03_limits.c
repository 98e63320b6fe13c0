/* Limits of one address, as shipped. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support/live.h"
#include "support/stack.h"

const char *const stack_options[] = { "--no-cache", "--workers", "1", NULL };

Test(limits, handshakes_of_an_address)
{
	struct live_person p = live_person();
	int good = 0, refused = 0;
	struct ws *w;

	for (int i = 0; i < 60; i++) {
		w = WS_OPEN(.headers = "X-Real-IP: 10.0.0.7\r\n");
		good += w->status == 101;
		refused += w->status == 429;
		if (w->status == 429)
			cr_expect_not_null(strcasestr(w->head, "Retry-After: 1"));
		ws_free(w);
	}
	cr_expect_eq(good + refused, 60);
	cr_expect_geq(good, 20);
	cr_expect_geq(refused, 5, "only %d", refused);
	sleep(1);
	ws_free(live_hello(&p, NULL).ws);
}
