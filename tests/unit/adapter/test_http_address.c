/* http_address: the first and last address of each block that is not public, and the nearest
 * ones outside of it. */
#include "adapter/http_client.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <sys/un.h>

static bool
is_public(const char *text)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return http_address_public((struct sockaddr *)&v4);
	cr_assert_eq(inet_pton(AF_INET6, text, &v6.sin6_addr), 1, "%s", text);
	return http_address_public((struct sockaddr *)&v6);
}

static const char *const refused[] = { "0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255",
	"100.64.0.0", "100.127.255.255", "127.0.0.0", "127.0.0.1", "127.255.255.255",
	"169.254.0.0", "169.254.169.254", "169.254.255.255", "172.16.0.0", "172.31.255.255",
	"192.0.0.0", "192.0.0.255", "192.0.2.0", "192.0.2.255", "192.88.99.0", "192.88.99.255",
	"192.168.0.0", "192.168.255.255", "198.18.0.0", "198.19.255.255", "198.51.100.0",
	"198.51.100.255", "203.0.113.0", "203.0.113.255", "224.0.0.0", "239.255.255.255",
	"240.0.0.0", "255.255.255.255",

	"::", "::1", "::2", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.1.2.3",
	"::ffff:169.254.169.254", "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1",
	"64:ff9b::10.0.0.1", "64:ff9b:1::8.8.8.8", "100::1", "1fff:ffff::1", "2001::1",
	"2001:0:7f00:1::", "2001:2::1", "2001:10::1", "2001:1ff::1", "2001:db8::1",
	"2001:db8:ffff::1", "2002:7f00:1::", "2002:a00:1::1",
	"2002:a9fe:a9fe::", "2002:c0a8:101::", "3fff::1", "3fff:fff::1", "4000::1", "5f00::1",
	"fc00::1", "fd00::1", "fdff:ffff::1", "fe80::1", "febf::1", "fec0::1", "ff02::1",
	"ff0e::1", NULL };

static const char *const allowed[] = { "1.0.0.0", "9.255.255.255", "11.0.0.0", "93.184.216.34",
	"100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0", "169.253.255.255",
	"169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0",
	"192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
	"140.82.121.3",

	"2000::1", "2001:200::1", "2001:4860:4860::8888", "2001:db7::1", "2001:db9::1",
	"2002:808:808::1", "2606:50c0:8000::153", "3ffe::1", "3fff:1000::1", "::ffff:8.8.8.8",
	"64:ff9b::8.8.8.8", NULL };

Test(http_address, blocks)
{
	for (size_t i = 0; refused[i] != NULL; i++)
		cr_expect_not(is_public(refused[i]), "%s", refused[i]);
	for (size_t i = 0; allowed[i] != NULL; i++)
		cr_expect(is_public(allowed[i]), "%s", allowed[i]);
}

Test(http_address, no_other_family)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = "/run/x" };

	cr_expect_not(http_address_public((struct sockaddr *)&at));
}
