/* github: the control routes of the stand-in, by libcurl. */
#include "support/github.h"

#include <criterion/criterion.h>
#include <curl/curl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"

enum { ANSWER_MAX = 64 * 1024 * 1024, TEXT_MAX = 65536, TOKENS = 8, READY_TURNS = 1500 };

static char url[128], api_url[160], folder[256];

static size_t
keep(char *from, size_t size, size_t count, void *to)
{
	buf_add(to, (struct span){ from, size * count });
	return size * count;
}

static json_t *
control(const char *path, const char *body)
{
	CURL *curl = curl_easy_init();
	char target[1024];
	long status = 0;
	struct buf answer;
	json_t *json;

	buf_init(&answer, ANSWER_MAX);
	snprintf(target, sizeof(target), "%s/_stand-in/%s", github_url(), path);
	curl_easy_setopt(curl, CURLOPT_URL, target);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	if (body != NULL)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
	if (curl_easy_perform(curl) == CURLE_OK)
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);
	cr_assert_eq(
	    status, 200, "%s %s: %ld %s", path, body ? body : "", status, buf_text(&answer));
	json = json_loadb(buf_text(&answer), answer.len, JSON_REJECT_DUPLICATES, NULL);
	cr_assert_not_null(json, "%s: no JSON: %s", path, buf_text(&answer));
	buf_free(&answer);
	return json;
}

/* ---- where it is */

static void
read_configuration(void)
{
	char path[512], line[512];
	FILE *f;

	cr_assert_not_null(getenv("CODEGRAM_TEST_DIR"), "neither a stack nor github_start()");
	snprintf(path, sizeof(path), "%s/codegram.conf", getenv("CODEGRAM_TEST_DIR"));
	f = fopen(path, "re");
	cr_assert_not_null(f, "%s", path);
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "GITHUB_URL=", 11) == 0)
			snprintf(url, sizeof(url), "%.100s", line + 11);
	}
	fclose(f);
	cr_assert_neq(url[0], '\0', "no GITHUB_URL in %s", path);
}

/* Criterion's tests are processes of their own that inherit nothing but the environment. */
const char *
github_url(void)
{
	const char *started = getenv("CODEGRAM_TEST_GITHUB");

	if (url[0] == '\0' && started != NULL)
		snprintf(url, sizeof(url), "%s", started);
	if (url[0] == '\0')
		read_configuration();
	return url;
}

pid_t
github_pid(void)
{
	const char *started = getenv("CODEGRAM_TEST_GITHUB_PID");
	char path[512];
	int pid = 0;
	FILE *f;

	if (started != NULL)
		return (pid_t)strtol(started, NULL, 10);
	snprintf(path, sizeof(path), "%s/run/github.pid", getenv("CODEGRAM_TEST_DIR"));
	if ((f = fopen(path, "re")) == NULL)
		return 0;
	if (fscanf(f, "%d", &pid) != 1)
		pid = 0;
	fclose(f);
	return (pid_t)pid;
}

const char *
github_api_url(void)
{
	snprintf(api_url, sizeof(api_url), "%s/api/v3", github_url());
	return api_url;
}

pid_t
github_start(const char *journal)
{
	const char *keep = journal ? "--journal" : NULL;
	char ready[320], log[320];
	FILE *f = NULL;
	pid_t own;

	snprintf(folder, sizeof(folder), "%s/codegram-github-XXXXXX",
	    getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	cr_assert_not_null(mkdtemp(folder));
	url[0] = '\0';
	snprintf(ready, sizeof(ready), "%s/ready", folder);
	snprintf(log, sizeof(log), "%s/github.log", folder);
	if ((own = fork()) == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (freopen(log, "we", stderr) == NULL)
			_exit(126);
		execl("build/san/bin/github-stand-in", "github-stand-in", "--listen",
		    "127.0.0.1:0", "--seed", "tests/github/seed.json", "--ready", ready, keep,
		    journal, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < READY_TURNS && url[0] == '\0'; i++) {
		usleep(20 * 1000);
		if ((f = fopen(ready, "re")) == NULL)
			continue;
		if (fscanf(f, "%127s", url) != 1)
			url[0] = '\0';
		fclose(f);
	}
	cr_assert_neq(url[0], '\0', "the stand-in did not start");
	setenv("CODEGRAM_TEST_GITHUB", url, 1);
	snprintf(ready, sizeof(ready), "%d", (int)own);
	setenv("CODEGRAM_TEST_GITHUB_PID", ready, 1);
	return own;
}

void
github_stop(void)
{
	pid_t own = github_pid();
	int status;

	kill(own, SIGCONT);
	kill(own, SIGTERM);
	waitpid(own, &status, 0);
	url[0] = '\0';
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the stand-in: %d", status);
}

/* ---- what is done there */

__attribute__((format(printf, 1, 0))) static const char *
text_of(const char *format, va_list args)
{
	static char text[TEXT_MAX];

	vsnprintf(text, sizeof(text), format, args);
	for (char *at = text; *at; at++)
		*at = *at == '\'' ? '"' : *at;
	return text;
}

void
github_fault(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	json_decref(control("fault", text_of(format, args)));
	va_end(args);
}

long long
github_change(const char *format, ...)
{
	va_list args;
	long long id;
	json_t *done;

	va_start(args, format);
	done = control("change", text_of(format, args));
	va_end(args);
	id = json_integer_value(json_object_get(done, "id"));
	json_decref(done);
	return id;
}

const char *
github_token(const char *login, const char *scopes)
{
	static char tokens[TOKENS][64];
	static int next;
	char *out = tokens[next++ % TOKENS], body[256];
	json_t *done;

	snprintf(body, sizeof(body),
	    "{\"change\":\"token\",\"login\":\"%s\",\"scopes\":\"%s\"}", login, scopes);
	done = control("change", body);
	snprintf(
	    out, sizeof(tokens[0]), "%s", json_string_value(json_object_get(done, "token")));
	json_decref(done);
	return out;
}

void
github_reset(const char *only)
{
	char body[64];

	snprintf(body, sizeof(body), "{\"only\":\"%s\"}", only ? only : "all");
	json_decref(control("reset", body));
}

static json_t *
log_of(const char *filter, const char *more)
{
	char path[512];

	snprintf(path, sizeof(path), "requests?%s%s", filter ? filter : "", more);
	return control(path, NULL);
}

static long
figure(const json_t *log, const char *name)
{
	return (long)json_integer_value(json_object_get(log, name));
}

struct github_figures
github_figures(const char *filter)
{
	json_t *log = log_of(filter, "&brief=1");
	struct github_figures f = { figure(log, "count"), figure(log, "not_modified"),
		figure(log, "open"), figure(log, "most_at_once"),
		figure(log, "most_at_once_of_one") };

	json_decref(log);
	return f;
}

long
github_count(const char *filter)
{
	return github_figures(filter).count;
}

json_t *
github_requests(const char *filter)
{
	json_t *log = log_of(filter, ""), *list = json_incref(json_object_get(log, "requests"));

	json_decref(log);
	return list;
}

struct github_delivery
github_webhook(const char *format, ...)
{
	static char delivery[64], answer[512];
	struct github_delivery d = { .delivery = delivery, .answer = answer };
	va_list args;
	json_t *sent;

	va_start(args, format);
	sent = control("webhook", text_of(format, args));
	va_end(args);
	d.status = (long)json_integer_value(json_object_get(sent, "status"));
	d.seconds = json_number_value(json_object_get(sent, "seconds"));
	snprintf(delivery, sizeof(delivery), "%s",
	    json_string_value(json_object_get(sent, "delivery")));
	snprintf(
	    answer, sizeof(answer), "%s", json_string_value(json_object_get(sent, "answer")));
	json_decref(sent);
	return d;
}
