#!/usr/bin/env bash
# lint: tools/lint sees each law broken, in a copy of the checkout with one fault for each; and
# calls the copy well before.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

missed=0
copy=$(mktemp -d) || exit 1
trap 'rm -rf "$copy"' EXIT

# What is broken by hand in the copy. Words that the laws forbid are put together here, so that
# this file does not break them.
break_it() {
	cd "$copy" || exit 1
	touch stray.c
	{
		echo '/* long: too long. */'
		printf '\n%.0s' {1..600}
	} >src/base/long.c
	{
		printf '/* tall: a tall function. */\nvoid tall(void);\n\nvoid\ntall(void)\n{\n'
		printf '\t;\n%.0s' {1..57}
		printf '}\n'
	} >src/base/tall.c
	printf '#include "base/span.h"\n' >src/base/unsigned.c
	printf '/* up: includes. */\n#include "web/app.h"\n#include "store/user.h"\n#include "%s"\n' \
		nowhere/x.h >src/store/up.c
	printf '/* side: a neighbour. */\n#include "model/form.h"\n' >src/adapter/side.c
	printf '/* owner: libraries. */\n#include <libpq-fe.h>\n#include <openssl/evp.h>\n#include <zlib.h>\n' >src/adapter/owner.c
	printf '/* owner: libraries. */\n#include <jansson.h>\n' >include/adapter/owner.h
	cat >src/ctl/words.c <<'TEXT'
/* words: banned ones; malloc( in a comment and "free(x)" in a text are none. */
void words(void);

/* Nor is
 * system("here"). */
void
words(void)
{
	char *p = malloc(1), *q = "atoi(1)";

	if (*q == '"')
		goto out;
	x->free(p);
	p = strdup(q); // alloca(1)
	y = '\''; free(p);
	sprintf(q, "");
out:
	system(q);
}
TEXT
	printf 'enum err\nnot_routed(struct request *r)\n{\n}\n' >>src/api/meta.c
	printf '#!/usr/bin/env bash\n# tall: a tall function.\ntall() {\n%s\n}\n' "$(printf '\t:\n%.0s' {1..60})" >tools/tall
	cat >tools/sloppy <<'TEXT'
#!/usr/bin/env bash
echo $1
TEXT
	echo "/* late: FIX""ME */" >src/model/late.h
	printf '/* narrow: the compiler minds. */\nint narrow(long n);\n\nint\nnarrow(long n)\n{\n\treturn n;\n}\n' >src/base/narrow.c
	printf '/* crooked: layout. */\nint  crooked (void);\n' >src/base/crooked.c
	echo '#!/bin/sh' >tests/unit/test_still.sh
	cd - >/dev/null || exit 1
}

expected='
stray.c:1: the top level holds only
src/base/long.c:601: a file has at most 600 lines, not 601
src/base/tall.c:4: a function has at most 60 lines, not 61
tools/tall:3: a function has at most 60 lines, not
src/base/unsigned.c:1: a file opens with its sign
tools/sloppy:2: a script opens with its sign
src/store/up.c:2: store (floor 2) may not include web/app.h (floor 3)
src/store/up.c:4: there is no room nowhere
src/adapter/side.c:2: adapter (floor 1) may not include model/form.h (floor 1)
src/adapter/owner.c:2: only adapter/postgres.c
src/adapter/owner.c:3: only adapter/crypto.c
src/adapter/owner.c:4: <zlib.h> is of a library without an owner
include/adapter/owner.h:2: only adapter/json.c
src/ctl/words.c:9: no malloc() above floor 1
src/ctl/words.c:12: no goto above floor 1
src/ctl/words.c:14: no strdup() above floor 1
src/ctl/words.c:15: no free() above floor 1
src/ctl/words.c:16: never sprintf()
src/ctl/words.c:18: never system()
the handler not_routed has no row
src/model/late.h:1: finish it
src/base/crooked.c:2: clang-format decides the layout
tools/sloppy:2:
src/base/narrow.c:7:
tests/unit/test_still.sh:1: a test script is executable
'

# Lines that must not come: comments, texts, members and own rooms are no faults.
unexpected='
src/ctl/words.c:1: n
src/ctl/words.c:5: n
src/ctl/words.c:13: n
src/store/up.c:3: s
'

tar -c --exclude=./build --exclude=./.git --exclude=./.run . | tar -x -C "$copy"
before=$("$copy/tools/lint" text 2>&1) || {
	echo "$before"
	echo "the checkout itself breaks laws"
	missed=1
}
break_it
output=$("$copy/tools/lint" 2>&1) && {
	echo "lint is content with the broken copy"
	missed=1
}
while IFS= read -r line; do
	[[ $output == *"$line"* ]] && continue
	echo "not found: $line"
	missed=$((missed + 1))
done <<<"$expected"
while IFS= read -r line; do
	[[ -z $line || $output != *"$line"* ]] && continue
	echo "should not be there: $line"
	missed=$((missed + 1))
done <<<"$unexpected"
((missed == 0)) || echo "$output"
echo "$missed missed"
((missed == 0))
