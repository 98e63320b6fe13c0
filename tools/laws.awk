# laws: what tools/lint finds in the text of C files (and, with -v scripts=1, of shell scripts):
# long functions, includes that cross a floor or take a library from its owner, banned words.
# Layout is clang-format's, so a function begins and ends in the first column.

BEGIN {
	function_max = 60
	names = "base 0 adapter 1 model 1 store 2 web 3 queue 3 service 3 api 4 job 4 relay 4 ctl 4 main 5"
	n = split(names, word, " ")
	for (i = 1; i < n; i += 2)
		floor[word[i]] = word[i + 1]

	# library header: its owners, below src/
	owner["libpq-fe.h"] = "adapter/postgres.c adapter/postgres_row.c adapter/render.c"
	owner["hiredis/"] = "adapter/redis.c adapter/redis_async.c"
	owner["ev.h"] = "adapter/redis_async.c adapter/loop.c"
	owner["fcgiapp.h"] = "adapter/fastcgi.c"
	owner["jansson.h"] = "adapter/json.c adapter/json_list.c"
	owner["jwt.h"] = "adapter/jwt.c"
	owner["openssl/"] = "adapter/crypto.c"
	owner["unistr.h"] = "base/unicode.c"
	owner["unictype.h"] = "base/unicode.c"
	owner["xxhash.h"] = "adapter/hash.c"
	owner["systemd/"] = "adapter/notify.c"
	owner["curl/"] = "adapter/http_client.c adapter/mail.c adapter/object_store.c"
	owner["sodium.h"] = "adapter/seal.c"
	owner["microhttpd.h"] = "tests/github/*.c"
	owner["md4c-html.h"] = "adapter/markdown.c"
	owner["libwebsockets.h"] = "relay/socket.c"

	# what the C library and the kernel bring, for everybody
	system_headers = " assert ctype dirent errno fcntl fnmatch fts ftw getopt glob grp inttypes" \
		" limits locale math netdb poll pwd sched signal spawn stdalign stdarg stdatomic" \
		" stdbool stddef stdint stdio stdlib stdnoreturn string strings syslog termios time" \
		" unistd wchar "

	banned = "sprintf vsprintf strcpy stpcpy strcat strncpy strncat atoi atol atoll strtok" \
		" system popen gets rand srand random alloca tmpnam mktemp setjmp longjmp"
	n = split(banned, word, " ")
	for (i = 1; i <= n; i++)
		never[word[i]] = 1
	n = split("malloc calloc realloc reallocarray free strdup strndup asprintf vasprintf", word, " ")
	for (i = 1; i <= n; i++)
		low[word[i]] = 1

	# file, word: why it may stand there all the same
	excuse["src/ctl/migrate.c", "free"] = "scandir() allocates its list"
	excuse["src/ctl/seed_walk.c", "free"] = "scandir() allocates its list"
}

function law(text) {
	print FILENAME ":" FNR ": " text
}

# Without comments, and with texts and characters emptied.
function code_of(line, out, at, mark) {
	out = ""
	while (line != "") {
		if (in_comment) {
			at = index(line, "*/")
			if (!at)
				return out
			line = substr(line, at + 2)
			in_comment = 0
			continue
		}
		if (!match(line, /\/\*|\/\/|"|'/))
			return out line
		out = out substr(line, 1, RSTART - 1)
		mark = substr(line, RSTART, RLENGTH)
		line = substr(line, RSTART + RLENGTH)
		if (mark == "//")
			return out
		if (mark == "/*") {
			in_comment = 1
			continue
		}
		out = out mark mark
		if (mark == "\"")
			match(line, /^([^"\\]|\\.)*"/)
		else
			match(line, /^([^'\\]|\\.)*'/)
		line = RSTART ? substr(line, RLENGTH + 1) : ""
	}
	return out
}

function open_file(part) {
	in_comment = began = in_body = 0
	room = own = ""
	if (split(FILENAME, part, "/") >= 3 && (part[1] == "src" || part[1] == "include")) {
		room = part[2]
		own = FILENAME
		sub(/^src\//, "", own)
		if (!(room in floor))
			law("the room " room " has no floor: see tools/laws.awk")
	}
}

function include_own(header, there) {
	there = header
	if (!sub(/\/.*/, "", there))
		law("an include names the room: " header)
	else if (!(there in floor))
		law("there is no room " there)
	else if (there != room && floor[there] >= floor[room])
		law(room " (floor " floor[room] ") may not include " header " (floor " floor[there] ")")
}

function include_library(header, bare, h, list, n, i) {
	for (h in owner)
		if (header == h || (h ~ /\/$/ && index(header, h) == 1)) {
			n = split(owner[h], list, " ")
			for (i = 1; i <= n; i++)
				if (list[i] == own)
					return
			law("only " owner[h] " may include <" header ">")
			return
		}
	bare = header
	sub(/\.h$/, "", bare)
	if (index(system_headers, " " bare " ") || header ~ /^(sys|arpa|netinet|net|linux)\// ||
	    header == "sanitizer/asan_interface.h")
		return
	law("<" header "> is of a library without an owner: see tools/laws.awk")
}

function include(line, header) {
	header = line
	sub(/^#[ \t]*include[ \t]*["<]/, "", header)
	sub(/[">].*/, "", header)
	if (line ~ /"/)
		include_own(header)
	else
		include_library(header)
}

function words(code, word) {
	if (code ~ /(^|[^A-Za-z0-9_])goto[ \t]/ && room in floor && floor[room] > 1)
		law("no goto above floor 1")
	while (match(code, /[A-Za-z_][A-Za-z0-9_]*[ \t]*\(/)) {
		word = substr(code, RSTART, RLENGTH)
		sub(/[ \t]*\($/, "", word)
		# a member of that name is somebody else's function
		before = RSTART > 1 ? substr(code, RSTART - 1, 1) : ""
		code = substr(code, RSTART + RLENGTH)
		if (before == "." || before == ">" || (FILENAME, word) in excuse)
			continue
		if (word in never)
			law("never " word "()")
		if (word in low && room in floor && floor[room] > 1)
			law("no " word "() above floor 1: use the arena")
	}
}

# `from` is the first line of what stands before the body: the return type, or the name.
function length_of(line) {
	if (in_body) {
		if (line ~ /^[})]/) {
			in_body = 0
			began = 0
			if (FNR - from + 1 > function_max)
				printf "%s:%d: a function has at most %d lines, not %d\n", FILENAME, from,
				    function_max, FNR - from + 1
		}
		return
	}
	if (scripts ? line ~ /^[A-Za-z_][A-Za-z0-9_]*\(\) *[{(]/ : line == "{") {
		in_body = scripts ? line !~ /}[ \t]*$/ : 1
		if (!began)
			from = FNR
		return
	}
	if (scripts || line ~ /^$|^[ \t#}]|[;}]$/)
		began = 0
	else if (!began) {
		began = 1
		from = FNR
	}
}

FNR == 1 { open_file() }
scripts {
	length_of($0)
	next
}
{
	blank = in_comment
	code = code_of($0)
	sub(/[ \t]+$/, "", code)
	length_of(blank && code == "" ? "" : code)
	if (code ~ /^#[ \t]*include/) {
		if (room != "")
			include($0)
		next
	}
	words(code)
}
