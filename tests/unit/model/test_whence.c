/* whence: what people are shown of where their sessions are. */
#include "model/whence.h"

#include <criterion/criterion.h>

static const struct {
	const char *agent, *device;
} agents[] = {
	{ "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0",
	    "Firefox on Linux" },
	{ "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
	  "Chrome/120.0.0.0 Safari/537.36",
	    "Chrome on Windows" },
	{ "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
	  "Chrome/120.0.0.0 Safari/537.36 Edg/120.0.0.0",
	    "Edge on Windows" },
	{ "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like "
	  "Gecko) Version/17.1 Safari/605.1.15",
	    "Safari on macOS" },
	{ "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, "
	  "like Gecko) Version/17.1 Mobile/15E148 Safari/604.1",
	    "Safari on iPhone" },
	{ "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
	  "Chrome/120.0.0.0 Mobile Safari/537.36",
	    "Chrome on Android" },
	{ "curl/7.88.1", "curl" },
	{ "Something (Windows)", "Windows" },
	{ "<script>alert(1)</script>", "" },
	{ "", "" },
};

Test(whence, devices)
{
	char out[DEVICE_MAX];

	for (size_t i = 0; i < sizeof(agents) / sizeof(*agents); i++) {
		device_of(span_of(agents[i].agent), out);
		cr_expect_str_eq(out, agents[i].device, "%s: %s", agents[i].agent, out);
	}
	device_of((struct span){ NULL, 0 }, out);
	cr_expect_str_eq(out, "");
}

static const struct {
	const char *address, *network;
} addresses[] = { { "203.0.113.77", "203.0.113.0/24" },
	{ "::ffff:203.0.113.77", "203.0.113.0/24" },
	{ "2001:db8:1:2:3:4:5:6", "2001:db8:1::/48" }, { "::1", "::/48" }, { "unix:", "" },
	{ "", "" }, { "1.2.3.4.5", "" },
	{ "2001:db8:1:2:3:4:5:6:7:8:9:a:b:c:d:e:f:0:1:2:3:4:5:6:7:8:9", "" } };

Test(whence, networks)
{
	char out[NETWORK_MAX];

	for (size_t i = 0; i < sizeof(addresses) / sizeof(*addresses); i++) {
		network_of(span_of(addresses[i].address), out);
		cr_expect_str_eq(
		    out, addresses[i].network, "%s: %s", addresses[i].address, out);
	}
}
