/* whence: words of a User-Agent, and the front of an address. */
#include "model/whence.h"

#include <arpa/inet.h>
#include <stdio.h>

/* The first that is found counts: Edge also says Chrome, and all of them say Mozilla. */
static const char *const browsers[][2] = { { "Edg", "Edge" }, { "OPR/", "Opera" },
	{ "SamsungBrowser", "Samsung Internet" }, { "Firefox", "Firefox" },
	{ "FxiOS", "Firefox" }, { "Chrome", "Chrome" }, { "CriOS", "Chrome" },
	{ "Safari", "Safari" }, { "curl", "curl" }, { "python", "Python" },
	{ "okhttp", "Android app" }, { "Go-http-client", "Go" }, { "node", "Node.js" } };
static const char *const systems[][2] = { { "Android", "Android" }, { "iPhone", "iPhone" },
	{ "iPad", "iPad" }, { "Windows", "Windows" }, { "Mac OS X", "macOS" },
	{ "CrOS", "ChromeOS" }, { "Linux", "Linux" } };

static const char *
word_in(struct span text, const char *const (*words)[2], size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (memmem(text.ptr, text.len, words[i][0], strlen(words[i][0])) != NULL)
			return words[i][1];
	return "";
}

void
device_of(struct span user_agent, char out[DEVICE_MAX])
{
	const char *browser, *system;

	out[0] = '\0';
	if (user_agent.len == 0)
		return;
	browser = word_in(user_agent, browsers, sizeof(browsers) / sizeof(*browsers));
	system = word_in(user_agent, systems, sizeof(systems) / sizeof(*systems));
	snprintf(out, DEVICE_MAX, "%s%s%s", browser, *browser && *system ? " on " : "", system);
}

void
network_of(struct span address, char out[NETWORK_MAX])
{
	unsigned char bytes[16];
	char text[INET6_ADDRSTRLEN];

	out[0] = '\0';
	if (address.len == 0 || address.len >= sizeof(text))
		return;
	memcpy(text, address.ptr, address.len);
	text[address.len] = '\0';
	/* IPv4 may come mapped into IPv6 */
	if (inet_pton(AF_INET, strncasecmp(text, "::ffff:", 7) == 0 ? text + 7 : text, bytes) ==
	    1) {
		snprintf(out, NETWORK_MAX, "%u.%u.%u.0/24", bytes[0], bytes[1], bytes[2]);
		return;
	}
	if (inet_pton(AF_INET6, text, bytes) != 1)
		return;
	memset(bytes + 6, 0, 10);
	if (inet_ntop(AF_INET6, bytes, text, sizeof(text)) != NULL)
		snprintf(out, NETWORK_MAX, "%s/48", text);
}
