/* language: names, file names, #! lines, signs in the code. */
#include "model/language.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static const char *
or_none(const char *text)
{
	return text ? text : "(none)";
}

static const struct {
	const char *word, *name;
} words[] = {
	{ "python", "python" },
	{ "PYTHON", "python" },
	{ "py", "python" },
	{ "Js", "javascript" },
	{ "c++", "cpp" },
	{ "C#", "csharp" },
	{ "c", "c" },
	{ "golang", "go" },
	{ "md", "markdown" },
	{ "text", "plaintext" },
	{ "klingon", NULL },
	{ "pytho", NULL },
	{ "python ", NULL },
	{ "js node", NULL },
	{ " ", NULL },
	{ "", NULL },
};

Test(language, names_and_aliases)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		cr_assert_str_eq(or_none(language_name(span_of(words[i].word))),
		    or_none(words[i].name), "\"%s\"", words[i].word);
	cr_assert_null(language_name((struct span){ NULL, 0 }));
}

static const struct {
	const char *file, *name;
} files[] = {
	{ "main.c", "c" },
	{ "a/b.c/main.h", "c" },
	{ "x.y.py", "python" },
	{ "Makefile", "makefile" },
	{ "src/Makefile", "makefile" },
	{ "Makefile.bak", NULL },
	{ "CMakeLists.txt", "cmake" },
	{ "notes.txt", "plaintext" },
	{ "Dockerfile", "dockerfile" },
	{ "go.mod", "go" },
	{ "x.mod", NULL },
	{ "nginx.conf", "nginx" },
	{ "other.conf", "ini" },
	{ ".bashrc", "shell" },
	{ "x.R", "r" },
	{ "x.TS", "typescript" }, /* ends in any case, as Linguist has them */
	{ "MAIN.PY", "python" },
	{ "boot.S", "assembly" },
	{ "README.MD", "markdown" },
	{ "makefile", "makefile" },
	{ "GNUmakefile", "makefile" },
	{ "MAKEFILE", NULL }, /* whole names in theirs: no make would find it */
	{ "gemfile", NULL },
	{ "Gemfile", "ruby" },
	{ "cmakelists.txt", "plaintext" },
	{ "Cargo.lock", "toml" },
	{ "cargo.lock", NULL },
	{ ".GITCONFIG", "ini" },
	{ "project.pro", NULL }, /* Prolog's, Qt's and others' */
	{ "py", NULL },
	{ ".", NULL },
	{ "x.", NULL },
	{ "dir.py/", NULL },
	{ "", NULL },
};

Test(language, file_names)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		cr_assert_str_eq(or_none(language_of_file(files[i].file)),
		    or_none(files[i].name), "\"%s\"", files[i].file);
		cr_assert_str_eq(language_guess(files[i].file, SPAN("")),
		    files[i].name ? files[i].name : "plaintext");
	}
}

static const struct {
	const char *code, *name;
} codes[] = {
	{ "#!/bin/sh\nputs 1", "shell" },
	{ "#!/usr/bin/python3\n", "python" },
	{ "#!/usr/bin/python3", "python" },
	{ "#! /usr/bin/perl -w\n", "perl" },
	{ "#!/usr/bin/env python3\n", "python" },
	{ "#!/usr/bin/env -S node --inspect\n", "javascript" },
	{ "#!/usr/bin/env  ruby\n", "ruby" },
	{ "#!/usr/bin/python3\r\nx = 1\r\n", "python" },
	{ "#!lua\n", "lua" },
	{ "#!/usr/bin/python3.11\nputs 1", "python" },
	{ "#!/usr/bin/python2.7 -u\n", "python" },
	{ "#!/usr/bin/pypy3\n", "python" },
	{ "#!/usr/bin/perl5.36.0\n", "perl" },
	{ "#!/usr/bin/perl6\n", "raku" },
	{ "#!/usr/bin/lua5.4\n", "lua" },
	{ "#!/usr/bin/lua-5.4\n", "lua" },
	{ "#!/usr/bin/ruby2.7\n", "ruby" },
	{ "#!/usr/bin/php8.2\n", "php" },
	{ "#!/usr/bin/env node18\n", "javascript" },
	{ "#!/usr/bin/env -i python3\n", "python" },
	{ "#!/usr/bin/env -S python3 -u\n", "python" },
	{ "#!/usr/bin/env -Spython3 -u\n", "python" },
	{ "#!/usr/bin/env --split-string=/usr/bin/ruby -w\n", "ruby" },
	{ "#!/usr/bin/env -S PYTHONPATH=/opt/lua python3\n", "python" },
	{ "#!/usr/bin/env -u HOME perl\n", "perl" },
	{ "#!/usr/bin/env -S -u HOME /opt/bin/perl -w\n", "perl" },
	{ "#!\t/bin/sh -e\n", "shell" },
	{ "#!/home/env/bin/python\n", "python" },
	{ "#!/usr/bin/env python -cos=__import__(\"os\");os.execv(python,sys.argv)\n",
	    "python" },
	{ "#!/usr/bin/tcc -run\nimport(x);\n", "c" },
	{ "#!/usr/bin/sed -f\ns/my $x = 1;/y/\n", "plaintext" },
	{ "#!/usr/bin/env osascript -l JavaScript\nconsole.log(1)\n", "plaintext" },
	{ "#!/bin/bash\n", "shell" },
	{ "#!/bin/sh\n# \\\nexec tclsh \"$0\" \"$@\"\n", "tcl" },
	{ "#!/bin/sh\nexec /usr/bin/python3 \"$0\" \"$@\"\n", "python" },
	{ "#!/bin/sh\nexec sleep \"$0\"\n", "shell" },
	/* It says what it is, only not to us. */
	{ "#!/opt/strange\nfn main() {}", "plaintext" },
	{ "#!/usr/bin/fish\nif [ -f x ]; then\nfi\n", "plaintext" },
	{ "#!/usr/bin/env strange3.1\nimport os\n", "plaintext" },
	{ "#!/usr/bin/pythonic\n", "plaintext" },
	{ "#!/usr/bin/3.11\n", "plaintext" },
	{ "#!/usr/bin/env\nfn main() {}", "rust" },
	{ "#!/usr/bin/env -S\nfn main() {}", "rust" },
	{ "#!\n", "plaintext" },
	{ " #!/usr/bin/perl\n", "plaintext" },
	{ "package main\n", "go" },
	{ "#include <stdio.h>\nint main(void) {}", "c" },
	{ "#include <iostream>\n", "cpp" },
	{ "#include <vector>\nstd::vector<int> v;", "cpp" },
	{ "<!DOCTYPE html>\n<?php echo 1;", "php" },
	{ "<?php echo 1;", "php" },
	{ "public static void main(String[] a)", "java" },
	{ "SELECT 1", "sql" },
	{ "diff --git a/x b/x", "diff" },
	{ "def f(x):\n  return x", "python" },
	{ "Lorem ipsum dolor sit amet", "plaintext" },
	{ "", "plaintext" },
};

Test(language, code)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		cr_assert_str_eq(language_guess(NULL, span_of(codes[i].code)), codes[i].name,
		    "row %zu: %s", i, codes[i].code);
}

Test(language, file_name_before_first_line_before_signs)
{
	cr_assert_str_eq(language_guess("x.rb", SPAN("#!/usr/bin/python3\nSELECT 1")), "ruby");
	cr_assert_str_eq(language_guess("x", SPAN("#!/usr/bin/python3\nSELECT 1")), "python");
	cr_assert_str_eq(language_guess("x.unknown", SPAN("SELECT 1")), "sql");
}

static const struct {
	const char *file, *code, *name;
} shared[] = {
	{ "a.h", "#define A 1\n", "c" },
	{ "a.h", "", "c" },
	{ "a.h", "#include <vector>\nnamespace a {\nclass B {\npublic:\n};\n}\n", "cpp" },
	{ "a.H", "#import <Foundation/Foundation.h>\n@interface A\n@end\n", "objective-c" },
	{ "a.m", "#import <Foundation/Foundation.h>\n@implementation A\n@end\n",
	    "objective-c" },
	{ "a.m", "function y = f(x)\ny = x;\nend\n", "plaintext" },
	{ "a.m", "", "plaintext" },
	{ "a.pl", "print \"x\";\n", "perl" },
	{ "a.pl", ":- module(a, [b/1]).\nb(X) :- X > 1.\n", "prolog" },
	{ "a.ts", "<?xml version=\"1.0\"?>\n<TS version=\"2.1\">\n</TS>\n", "xml" },
	{ "a.ts", "const fs = require('fs');\nmodule.exports = fs;\n", "typescript" },
};

Test(language, ends_that_several_share)
{
	for (size_t i = 0; i < sizeof(shared) / sizeof(*shared); i++)
		cr_expect_str_eq(language_guess(shared[i].file, span_of(shared[i].code)),
		    shared[i].name, "row %zu: %s", i, shared[i].file);
}

Test(language, signs_stand_in_the_first_4_kib)
{
	char *code = malloc(8192);

	memset(code, 'x', 8192);
	memcpy(code + 4096 - 9, "\nSELECT 1", 9);
	cr_assert_str_eq(language_guess(NULL, (struct span){ code, 8192 }), "sql");
	memset(code, 'x', 8192);
	memcpy(code + 4096 - 8, "\nSELECT 1", 9);
	cr_assert_str_eq(language_guess(NULL, (struct span){ code, 8192 }), "plaintext");
	free(code);
}

/* Exactly as long as it says: ASan sees a byte read past the end. */
Test(language, code_need_not_end_with_nul)
{
	static const char *const starts[] = { "#", "#!", "#!/", "#!/usr/bin/env",
		"#!/usr/bin/env ", "#!/usr/bin/env -", "SELECT", "\n" };

	for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++) {
		size_t len = strlen(starts[i]);
		char *copy = malloc(len);
		memcpy(copy, starts[i], len);
		cr_assert_not_null(language_guess(NULL, (struct span){ copy, len }));
		free(copy);
	}
}

Test(language, no_code_at_all)
{
	cr_assert_str_eq(language_guess(NULL, (struct span){ NULL, 0 }), "plaintext");
	cr_assert_str_eq(language_guess("x.c", (struct span){ NULL, 0 }), "c");
}

/* Every name in the rules is itself a language. */
Test(language, each_guess_is_a_name)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		cr_assert_str_eq(or_none(language_name(span_of(codes[i].name))), codes[i].name);
}
