/* http_client: where a stranger's URL may lead. Runs in a network namespace of its own, where
 * 93.184.216.34 stands for the public Internet and every address counts who knocks at its port
 * 443; names are resolved by the test. */
#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapter/http_client.h"
#include "base/clock.h"
#include "unit/scope.h"

#define PUBLIC "93.184.216.34"

static struct http_client *client;
static struct http_response response;
static _Atomic int name_calls;
static int name_stalls;

static int doors[2] = { -1, -1 }; /* port 443, of IPv4 and IPv6 */

/* Names of this test; libcurl's resolver thread comes here instead of the C library. */
int
getaddrinfo(const char *restrict node, const char *restrict service,
    const struct addrinfo *restrict hints, struct addrinfo **restrict out)
{
	static const struct {
		const char *name, *first, *later;
	} names[] = {
		{ "localhost", "127.0.0.1", "127.0.0.1" },
		{ "loop.example", "127.0.0.1", "127.0.0.1" },
		{ "inner.example", "10.0.0.1", "10.0.0.1" },
		{ "public.example", PUBLIC, PUBLIC },
		{ "rebind.example", PUBLIC, "127.0.0.1" },
	};
	const char *address = node;
	struct sockaddr_in *v4;
	struct in6_addr v6;
	int call = name_calls++;

	(void)hints;
	if (name_stalls > 0)
		usleep((useconds_t)name_stalls * 1000);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcasecmp(node, names[i].name) == 0)
			address = call == 0 ? names[i].first : names[i].later;
	if (inet_pton(AF_INET6, address, &v6) == 1) {
		struct sockaddr_in6 *at = calloc(1, sizeof(struct addrinfo) + sizeof(*at));
		*out = (struct addrinfo *)(void *)at;
		at = (struct sockaddr_in6 *)(void *)(*out + 1);
		*at = (struct sockaddr_in6){
			.sin6_family = AF_INET6, .sin6_addr = v6, .sin6_port = htons(443)
		};
		**out = (struct addrinfo){ .ai_family = AF_INET6,
			.ai_socktype = SOCK_STREAM,
			.ai_addrlen = sizeof(*at),
			.ai_addr = (struct sockaddr *)at };
		return 0;
	}
	*out = calloc(1, sizeof(struct addrinfo) + sizeof(*v4));
	v4 = (struct sockaddr_in *)(void *)(*out + 1);
	*v4 = (struct sockaddr_in){ .sin_family = AF_INET };
	v4->sin_port = htons((uint16_t)(service ? strtoul(service, NULL, 10) : 443));
	/* the C library's own reading of 0x7f.1 and 2130706433 */
	if (!inet_aton(address, &v4->sin_addr)) {
		free(*out);
		return EAI_NONAME;
	}
	**out = (struct addrinfo){ .ai_family = AF_INET,
		.ai_socktype = SOCK_STREAM,
		.ai_addrlen = sizeof(*v4),
		.ai_addr = (struct sockaddr *)v4 };
	return 0;
}

void
freeaddrinfo(struct addrinfo *list)
{
	free(list);
}

static int
door(int family, const void *address, socklen_t len)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	cr_assert_eq(bind(fd, address, len), 0);
	cr_assert_eq(listen(fd, 16), 0);
	return fd;
}

/* Loopback up, and the public address on it. */
static bool
make_namespace(void)
{
	int fd;
	struct ifreq up = { .ifr_name = "lo" }, one = { .ifr_name = "lo:1" };
	struct sockaddr_in *at = (struct sockaddr_in *)(void *)&one.ifr_addr;

	if (unshare(CLONE_NEWNS | CLONE_NEWNET) != 0 &&
	    unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) != 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	up.ifr_flags = IFF_UP | IFF_RUNNING;
	at->sin_family = AF_INET;
	inet_pton(AF_INET, PUBLIC, &at->sin_addr);
	cr_assert_eq(ioctl(fd, SIOCSIFFLAGS, &up), 0);
	cr_assert_eq(ioctl(fd, SIOCSIFADDR, &one), 0);
	close(fd);
	return true;
}

static void
open_doors(void)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(443) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(443) };

	doors[0] = door(AF_INET, &v4, sizeof(v4));
	doors[1] = door(AF_INET6, &v6, sizeof(v6));
}

static void
open_strangers(void)
{
	open_scope();
	cr_assert_not_null(client = http_client_make("CodeGram/test"));
	if (!make_namespace())
		cr_skip_test("no network namespace may be made here");
	open_doors();
}

static void
close_strangers(void)
{
	http_client_free(client);
	for (int i = 0; i < 2; i++)
		if (doors[i] >= 0)
			close(doors[i]);
	close_scope();
}

TestSuite(strangers, .init = open_strangers, .fini = close_strangers);

/* How many knocked, at the public address and elsewhere. */
static void
count_knocks(int *public, int *other)
{
	*public = *other = 0;
	for (int i = 0; i < 2; i++)
		for (;;) {
			struct sockaddr_in at = { 0 };
			socklen_t len = sizeof(at);
			char text[64] = "";
			int fd = accept(doors[i], NULL, NULL);
			if (fd < 0)
				break;
			if (i == 0 && getsockname(fd, (struct sockaddr *)&at, &len) == 0)
				inet_ntop(AF_INET, &at.sin_addr, text, sizeof(text));
			*(strcmp(text, PUBLIC) == 0 ? public : other) += 1;
			close(fd);
		}
}

static enum err
stranger(const char *url)
{
	struct http_request r = { .method = "GET",
		.url = url,
		.timeout_ms = 400,
		.body_max = 1000,
		.public_only = true };

	fault_reset(&scope.fault);
	return http_call(client, &r, &response, &scope);
}

static const struct {
	const char *url;
	enum err word; /* INVALID: no URL; FORBIDDEN: scheme, port or address */
} forms[] = {
	{ "https://127.0.0.1/", ERR_FORBIDDEN },
	{ "https://127.1/", ERR_FORBIDDEN },
	{ "https://127.0.1/", ERR_FORBIDDEN },
	{ "https://2130706433/", ERR_FORBIDDEN },
	{ "https://0x7f000001/", ERR_FORBIDDEN },
	{ "https://0x7f.1/", ERR_FORBIDDEN },
	{ "https://0x7F.0x0.0x0.0x1/", ERR_FORBIDDEN },
	{ "https://017700000001/", ERR_FORBIDDEN },
	{ "https://0177.0.0.1/", ERR_FORBIDDEN },
	{ "https://0177.0.0.01/", ERR_FORBIDDEN },
	{ "https://00000000177.0.0.1/", ERR_FORBIDDEN },
	{ "https://127.0.0.1./", ERR_AWAY } /* no such name */,
	{ "https://0/", ERR_FORBIDDEN },
	{ "https://0.0.0.0/", ERR_FORBIDDEN },
	{ "https://127.127.127.127/", ERR_FORBIDDEN },
	{ "https://10.0.0.1/", ERR_FORBIDDEN },
	{ "https://167772161/", ERR_FORBIDDEN },
	{ "https://172.16.0.1/", ERR_FORBIDDEN },
	{ "https://192.168.1.1/", ERR_FORBIDDEN },
	{ "https://169.254.169.254/latest/meta-data/", ERR_FORBIDDEN },
	{ "https://0xA9FEA9FE/", ERR_FORBIDDEN },
	{ "https://2852039166/", ERR_FORBIDDEN },
	{ "https://100.64.0.1/", ERR_FORBIDDEN },
	{ "https://198.18.0.1/", ERR_FORBIDDEN },
	{ "https://224.0.0.1/", ERR_FORBIDDEN },
	{ "https://255.255.255.255/", ERR_FORBIDDEN },
	{ "https://[::1]/", ERR_FORBIDDEN },
	{ "https://[::]/", ERR_FORBIDDEN },
	{ "https://[0:0:0:0:0:0:0:1]/", ERR_FORBIDDEN },
	{ "https://[::ffff:127.0.0.1]/", ERR_FORBIDDEN },
	{ "https://[::ffff:7f00:1]/", ERR_FORBIDDEN },
	{ "https://[0:0:0:0:0:ffff:7f00:1]/", ERR_FORBIDDEN },
	{ "https://[::127.0.0.1]/", ERR_FORBIDDEN },
	{ "https://[64:ff9b::7f00:1]/", ERR_FORBIDDEN },
	{ "https://[2002:7f00:1::]/", ERR_FORBIDDEN },
	{ "https://[2001:0:4136:e378:8000:63bf:80ff:fffe]/", ERR_FORBIDDEN },
	{ "https://[fe80::1]/", ERR_FORBIDDEN },
	{ "https://[fe80::1%25lo]/", ERR_FORBIDDEN },
	{ "https://[fd00:ec2::254]/", ERR_FORBIDDEN },
	{ "https://[ff02::1]/", ERR_FORBIDDEN },
	{ "https://localhost/", ERR_FORBIDDEN },
	{ "https://LOCALHOST/", ERR_FORBIDDEN },
	{ "https://loop.example/", ERR_FORBIDDEN },
	{ "https://inner.example/", ERR_FORBIDDEN },
	{ "https://%31%32%37.0.0.1/", ERR_FORBIDDEN },
	{ "https://127%2e0%2e0%2e1/", ERR_FORBIDDEN },
	{ "https://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1/", ERR_INVALID }, /* wide 127 */
	{ "https://127\xe3\x80\x82"
	  "0\xe3\x80\x82"
	  "0\xe3\x80\x82"
	  "1/",
	    ERR_INVALID },
	{ "https://" PUBLIC "@127.0.0.1/", ERR_INVALID },
	{ "https://a:b@127.0.0.1/", ERR_INVALID },
	{ "https://127.0.0.1#@" PUBLIC "/", ERR_FORBIDDEN },
	{ "https://127.0.0.1?@" PUBLIC "/", ERR_FORBIDDEN },
	{ "https://127.0.0.1\\@" PUBLIC "/", ERR_INVALID },
	{ "https:///127.0.0.1/", ERR_FORBIDDEN },
	{ "https:/127.0.0.1/", ERR_FORBIDDEN },
	{ "https:127.0.0.1/", ERR_INVALID },
	{ "https://127.0.0.1:443/", ERR_FORBIDDEN },
	{ "https://127.0.0.1:0443/", ERR_FORBIDDEN },
	{ "https://" PUBLIC ":80/", ERR_FORBIDDEN },
	{ "https://" PUBLIC ":65979/", ERR_INVALID },
	{ "https://" PUBLIC ":22/", ERR_FORBIDDEN },
	{ "http://" PUBLIC "/", ERR_FORBIDDEN },
	{ "http://127.0.0.1/", ERR_FORBIDDEN },
	{ "ftp://127.0.0.1/", ERR_FORBIDDEN },
	{ "file:///etc/passwd", ERR_FORBIDDEN },
	{ "gopher://127.0.0.1:443/_x", ERR_FORBIDDEN },
	{ "dict://127.0.0.1:443/x", ERR_FORBIDDEN },
	{ "ldap://127.0.0.1/", ERR_FORBIDDEN },
	{ "javascript:alert(1)", ERR_INVALID },
	{ "127.0.0.1", ERR_INVALID },
	{ "//127.0.0.1/", ERR_INVALID },
	{ "https://127.0.0.1\t/", ERR_INVALID },
	{ " https://127.0.0.1/", ERR_INVALID },
	{ "https://127.0.0.1\r\nHost: x/", ERR_INVALID },
	{ "https://[::1", ERR_INVALID },
	{ "https://[127.0.0.1]/", ERR_INVALID },
	{ "https://", ERR_INVALID },
	{ "", ERR_INVALID },
};

Test(strangers, no_form_of_a_url_reaches_us)
{
	int public, other;

	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		enum err e = stranger(forms[i].url);
		count_knocks(&public, &other);
		cr_expect_eq(e, forms[i].word, "%s: %s (%s)", forms[i].url, err_row(e)->word,
		    scope.fault.story);
		cr_expect_eq(public + other, 0, "%s connected", forms[i].url);
	}
	cr_expect_geq(sizeof(forms) / sizeof(*forms), 40);
}

/* What is public passes the hook and knocks, so that the table above can fail. */
Test(strangers, the_public_is_reached)
{
	static const char *const urls[] = { "https://" PUBLIC "/", "https://" PUBLIC ":443/x",
		"https://public.example/", "https://1572395042/" };
	int public, other;

	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
		cr_expect_eq(stranger(urls[i]), ERR_AWAY, "%s: no TLS there", urls[i]);
		count_knocks(&public, &other);
		cr_expect_eq(public, 1, "%s", urls[i]);
		cr_expect_eq(other, 0, "%s", urls[i]);
	}
}

/* Public when somebody looked, ours when it is dialled. */
Test(strangers, a_name_that_changes_its_meaning)
{
	int public, other;

	cr_expect_eq(stranger("https://rebind.example/"), ERR_AWAY);
	count_knocks(&public, &other);
	cr_expect_eq(public, 1);
	http_client_free(client); /* and with it the cache of names */
	cr_assert_not_null(client = http_client_make("CodeGram/test"));
	cr_expect_eq(stranger("https://rebind.example/"), ERR_FORBIDDEN);
	count_knocks(&public, &other);
	cr_expect_eq(public + other, 0);
}

/* A redirect is the caller's next call, judged like the first. */
Test(strangers, redirects_one_by_one)
{
	static const char *const places[] = { "https://127.0.0.1/", "//localhost/",
		"http://127.1/", "https://0x7f.1/", "https://[::1]/",
		"https://169.254.169.254/", "file:///etc/passwd", "https://u@127.0.0.1/",
		"https://" PUBLIC ":22/", "gopher://127.0.0.1/" };
	int public, other;

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		const char *url = NULL;
		enum err e = http_url_join("https://public.example/a", places[i], &url, &scope);
		if (e == OK)
			e = stranger(url);
		count_knocks(&public, &other);
		cr_expect(e == ERR_FORBIDDEN || e == ERR_INVALID, "%s: %d", places[i], (int)e);
		cr_expect_eq(public + other, 0, "%s connected", places[i]);
	}
}

/* A name server that never answers; libcurl's own thread is left behind with it. */
Test(strangers, a_deaf_name_server_costs_no_more_than_the_time)
{
	struct http_request r = { .method = "GET",
		.url = "http://deaf.example/x",
		.timeout_ms = 300,
		.body_max = 1000,
		.origin = "http://deaf.example" };
	int64_t began = clock_mono();

	name_stalls = 3000;
	cr_expect_eq(http_call(client, &r, &response, &scope), ERR_AWAY);
	cr_expect_lt(clock_mono() - began, 2700000);
	usleep(3000 * 1000); /* the thread's end, for LeakSanitizer */
}

/* ---- with a server that speaks TLS, on every address of the namespace */

#define SERVER                                                                                 \
	"import http.server, ssl, sys\n"                                                       \
	"class Handler(http.server.BaseHTTPRequestHandler):\n"                                 \
	"    protocol_version = 'HTTP/1.1'\n"                                                  \
	"    def do_GET(self):\n"                                                              \
	"        self.send_response(200)\n"                                                    \
	"        self.send_header('Content-Length', '2')\n"                                    \
	"        self.end_headers()\n"                                                         \
	"        self.wfile.write(b'ok')\n"                                                    \
	"    def log_message(self, *words): pass\n"                                            \
	"tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"                                      \
	"tls.load_cert_chain('cert.pem', 'key.pem')\n"                                         \
	"server = http.server.ThreadingHTTPServer(('', 443), Handler)\n"                       \
	"server.socket = tls.wrap_socket(server.socket, server_side=True)\n"                   \
	"open('ready', 'w').close()\n"                                                         \
	"server.serve_forever()\n"

#define CERTIFICATE                                                                            \
	"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "   \
	"-subj /CN=test -addext subjectAltName=IP:127.0.0.1,DNS:public.example "               \
	"-keyout key.pem -out cert.pem 2>/dev/null"

static pid_t server;

static pid_t
run(const char *const *argv)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	return pid;
}

static void
open_tls(void)
{
	char dir[300];
	int status;

	open_scope();
	if (!make_namespace())
		cr_skip_test("no network namespace may be made here");
	snprintf(
	    dir, sizeof(dir), "%s/tls-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	cr_assert_not_null(mkdtemp(dir));
	cr_assert_eq(chdir(dir), 0);
	waitpid(run((const char *const[]){ "sh", "-c", CERTIFICATE, NULL }), &status, 0);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "no certificate");
	server = run((const char *const[]){ "python3", "-c", SERVER, NULL });
	for (int i = 0; i < 1000 && access("ready", F_OK) != 0; i++)
		usleep(20 * 1000);
	cr_assert_eq(access("ready", F_OK), 0, "no server");
	cr_assert_not_null(client = http_client_make("CodeGram/test"));
}

/* The server's certificate is the only one that libcurl knows, in this namespace alone. */
static void
trust_it(void)
{
	cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	cr_assert_eq(
	    mount("cert.pem", "/etc/ssl/certs/ca-certificates.crt", NULL, MS_BIND, NULL), 0);
}

static void
close_tls(void)
{
	http_client_free(client);
	if (server > 0) {
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
	}
	close_scope();
}

TestSuite(tls, .init = open_tls, .fini = close_tls);

static enum err
ours(const char *url)
{
	struct http_request r = {
		.method = "GET", .url = url, .timeout_ms = 3000, .body_max = 1000, .origin = url
	};

	fault_reset(&scope.fault);
	return http_call(client, &r, &response, &scope);
}

Test(tls, a_certificate_must_be_known_and_fit)
{
	cr_expect_eq(ours("https://127.0.0.1/"), ERR_AWAY, "nobody knows it");
	cr_expect_not_null(strstr(scope.fault.story, "certificate"), "%s", scope.fault.story);
	trust_it();
	cr_expect_eq(ours("https://127.0.0.1/"), OK, "%s", scope.fault.story);
	cr_expect_eq(ours("https://loop.example/"), ERR_AWAY, "another name");
	cr_expect_not_null(strstr(scope.fault.story, "loop.example"), "%s", scope.fault.story);
}

Test(tls, the_public_answers)
{
	trust_it();
	cr_expect_eq(stranger("https://public.example/x?y#z"), OK, "%s", scope.fault.story);
	cr_expect_eq(response.status, 200);
	cr_expect(span_is(response.body, "ok"));
}

/* A kept connection to an address of ours is not lent to a stranger's URL. */
Test(tls, no_kept_connection_of_ours)
{
	trust_it();
	cr_assert_eq(ours("https://127.0.0.1/"), OK, "%s", scope.fault.story);
	cr_expect_eq(stranger("https://127.0.0.1/"), ERR_FORBIDDEN);
	cr_expect_eq(ours("https://127.0.0.1/"), OK);
}
