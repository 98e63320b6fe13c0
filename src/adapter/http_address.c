/* http_address: which addresses belong to the public Internet (IANA's special-purpose address
 * registries, RFC 6890). IPv4 is a list of what does not; IPv6 only 2000::/3 without a list. */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "adapter/http_client.h"

static bool
public_v4(uint32_t a)
{
	static const struct {
		uint32_t net;
		int bits;
	} special[] = {
		{ 0x00000000, 8 },  /* this network */
		{ 0x0a000000, 8 },  /* private */
		{ 0x64400000, 10 }, /* carriers' NAT */
		{ 0x7f000000, 8 },  /* loopback */
		{ 0xa9fe0000, 16 }, /* link-local, and the metadata of clouds */
		{ 0xac100000, 12 }, /* private */
		{ 0xc0000000, 24 }, /* protocol assignments */
		{ 0xc0000200, 24 }, /* documentation */
		{ 0xc0586300, 24 }, /* 6to4 relays */
		{ 0xc0a80000, 16 }, /* private */
		{ 0xc6120000, 15 }, /* benchmarks */
		{ 0xc6336400, 24 }, /* documentation */
		{ 0xcb007100, 24 }, /* documentation */
		{ 0xe0000000, 4 },  /* multicast */
		{ 0xf0000000, 4 },  /* reserved, broadcast */
	};

	for (size_t i = 0; i < sizeof(special) / sizeof(*special); i++)
		if ((a ^ special[i].net) >> (32 - special[i].bits) == 0)
			return false;
	return true;
}

static bool
starts(const unsigned char a[16], const char *prefix, size_t len)
{
	return memcmp(a, prefix, len) == 0;
}

static uint32_t
inner(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool
public_v6(const unsigned char a[16])
{
	if (starts(a, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12)) /* v4-mapped */
		return public_v4(inner(a + 12));
	if (starts(a, "\0\x64\xff\x9b\0\0\0\0\0\0\0\0", 12)) /* NAT64, RFC 6052 */
		return public_v4(inner(a + 12));
	if ((a[0] & 0xe0) != 0x20)
		return false;
	if (starts(a, "\x20\x02", 2)) /* 6to4 */
		return public_v4(inner(a + 2));
	if (starts(a, "\x20\x01", 2) && (a[2] & 0xfe) == 0)
		return false; /* 2001::/23: Teredo, benchmarks, ORCHID */
	if (starts(a, "\x20\x01\x0d\xb8", 4))
		return false;                                     /* documentation */
	return !(starts(a, "\x3f\xff", 2) && (a[2] & 0xf0) == 0); /* documentation */
}

bool
http_address_public(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return public_v4(ntohl(
		    ((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr));
	if (address->sa_family == AF_INET6)
		return public_v6(
		    ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr);
	return false;
}
