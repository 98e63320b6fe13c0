# Turns sql/query/<resource>.sql into typed C functions q_<name>() over adapter/postgres.h.
#   awk -v mode=header|body|index -f tools/sqlgen.awk FILE...
#
# -- name: NAME(param type, …) :none | :one=FORM | :many=FORM | :json | :json_list
# -- choose: param(word, word, …)      one variant for each word; the C parameter is its index
# -- optional: param, param            two variants each: the parameter is given, or is not
# -- by: ROLE                          who runs it (codegram-api); also for the whole file, above
# -- else: WORD                        what no row means (ERR_WORD); :one and :json: NOT_FOUND
#
# A line that begins with /*? words */ stands only in the variants where all the words hold:
# a chosen word, a given parameter, `!x` (not), `x|y` (either). :param is a parameter.
# Types: uuid text int bool text[].

function fail(why) {
	printf "%s:%d: %s\n", FILENAME, FNR, why > "/dev/stderr"
	failed = 1
	exit 1
}

function trim(s) {
	gsub(/^[ \t]+|[ \t]+$/, "", s)
	return s
}

function begin_file() {
	resource = FILENAME
	sub(/.*\//, "", resource)
	sub(/\.sql$/, "", resource)
	resources[++nresources] = resource
	statements = 0
	file_role = "codegram-api"
}

function read_name(line, head, list, i, n, parts, pair) {
	name = line
	sub(/\(.*/, "", name)
	name = trim(name)
	kind = line
	sub(/.*\) *:/, "", kind)
	row = ""
	if (kind ~ /=/) {
		row = kind
		sub(/.*=/, "", row)
		sub(/=.*/, "", kind)
	}
	if (kind !~ /^(none|one|many|json|json_list)$/)
		fail("unknown kind " kind)
	list = line
	sub(/^[^(]*\(/, "", list)
	sub(/\) *:.*$/, "", list)
	nparams = trim(list) == "" ? 0 : split(list, parts, ",")
	for (i = 1; i <= nparams; i++) {
		n = split(trim(parts[i]), pair, " ")
		pname[i] = pair[1]
		ptype[i] = n > 1 ? pair[2] : "choice"
	}
	nchoices = 1
	choice_param = ""
	split("", choice)
	split("", optional)
	noptional = 0
	role = file_role
	none = kind == "one" || kind == "json" ? "ERR_NOT_FOUND" : "OK"
	nlines = 0
}

function read_choose(text, list, i) {
	choice_param = text
	sub(/\(.*/, "", choice_param)
	choice_param = trim(choice_param)
	list = text
	sub(/^[^(]*\(/, "", list)
	sub(/\).*/, "", list)
	nchoices = split(list, choice, ",")
	for (i = 1; i <= nchoices; i++)
		choice[i] = trim(choice[i])
}

function read_optional(text, i) {
	noptional = split(text, optional, ",")
	for (i = 1; i <= noptional; i++)
		optional[i] = trim(optional[i])
}

function holds(words, n, i, k, m, any, list, alternatives, w, yes) {
	n = split(words, list, " ")
	for (i = 1; i <= n; i++) {
		m = split(list[i], alternatives, "|")
		any = 0
		for (k = 1; k <= m; k++) {
			w = alternatives[k]
			yes = 1
			if (substr(w, 1, 1) == "!") {
				yes = 0
				w = substr(w, 2)
			}
			if (!(w in known))
				fail("unknown word " w " in " name)
			if ((known[w] && yes) || (!known[w] && !yes))
				any = 1
		}
		if (!any)
			return 0
	}
	return 1
}

# :param becomes $n; a :: cast and quoted text stay as they are.
function numbered(line, out, at, before, word, i) {
	out = ""
	while (match(line, /'[^']*'|::|:[a-z_][a-z0-9_]*/)) {
		out = out substr(line, 1, RSTART - 1)
		word = substr(line, RSTART, RLENGTH)
		line = substr(line, RSTART + RLENGTH)
		if (word ~ /^:[a-z_]/) {
			at = 0
			for (i = 1; i <= nparams; i++)
				if (":" pname[i] == word)
					at = position[i]
			if (!at)
				fail("unknown parameter " word " in " name)
			word = "$" at
		}
		out = out word
	}
	return out line
}

function variant_sql(i, out, words, line) {
	out = ""
	for (i = 1; i <= nlines; i++) {
		line = text[i]
		if (match(line, /^\/\*\?[^*]*\*\//)) {
			words = substr(line, 4, RLENGTH - 5)
			if (!holds(words))
				continue
			line = substr(line, RLENGTH + 1)
		}
		gsub(/\\/, "\\\\", line)
		gsub(/"/, "\\\"", line)
		out = out "\n\t\t\"" numbered(trim(line)) " \""
	}
	return out
}

function oid(type) {
	if (type == "uuid") return 2950
	if (type == "text") return 25
	if (type == "int") return 20
	if (type == "bool") return 16
	if (type == "text[]") return 1009
	fail("unknown type " type)
}

function c_param(i) {
	if (ptype[i] == "choice") return "int " pname[i]
	if (ptype[i] == "uuid") return "struct uuid " pname[i]
	if (ptype[i] == "text") return "const char *" pname[i]
	if (ptype[i] == "int") return "int64_t " pname[i]
	if (ptype[i] == "bool") return "bool " pname[i]
	return "const struct texts *" pname[i]
}

function given(p, i) {
	for (i = 1; i <= nparams; i++)
		if (pname[i] == p) {
			if (ptype[i] == "uuid") return "(" p ".text[0] != '\\0')"
			if (ptype[i] == "text") return "(" p " != NULL)"
			if (ptype[i] == "int") return "(" p " != 0)"
			if (ptype[i] == "bool") return "(" p ")"
			return "(" p " != NULL && " p "->count > 0)"
		}
	fail("unknown optional " p)
}

function prototype(i, out) {
	out = "enum err q_" name "(struct db *db"
	for (i = 1; i <= nparams; i++)
		out = out ", " c_param(i)
	if (kind == "one") out = out ", struct " row " *row_out"
	if (kind == "many") out = out ", struct " row " **rows_out, size_t *count_out"
	if (kind ~ /^json/) out = out ", struct rows *rows_out"
	return out ")"
}

function finish(v, nvariants, i, k, rest, label, used, first, call, types) {
	if (name == "")
		return
	# A bool that only chooses a variant is no parameter of the statement, nor is a choice.
	used = 0
	types = ""
	for (i = 1; i <= nparams; i++) {
		position[i] = 0
		if (ptype[i] == "choice")
			continue
		for (k = 1; k <= nlines; k++)
			if (match(text[k] " ", ":" pname[i] "[^a-z0-9_]"))
				position[i] = 1
		if (position[i]) {
			position[i] = ++used
			types = types (used > 1 ? ", " : "") oid(ptype[i])
		}
	}
	if (mode == "header") {
		if (comment != "")
			printf "/* %s */\n", comment
		print prototype() ";"
	}
	nvariants = nchoices * 2 ^ noptional
	first = statements
	for (v = 0; v < nvariants; v++) {
		rest = v
		label = name
		split("", known)
		for (i = noptional; i >= 1; i--) {
			known[optional[i]] = rest % 2
			rest = int(rest / 2)
		}
		for (i = 1; i <= nchoices; i++)
			if (choice[i] != "")
				known[choice[i]] = (i == rest + 1)
		if (choice_param != "")
			label = label "." choice[rest + 1]
		for (i = 1; i <= noptional; i++)
			if (known[optional[i]])
				label = label "." optional[i]
		table = table sprintf("\t{ .name = \"%s\", .sql =%s,\n\t\t.types = { %s }, .params = %d, .none = %s,\n\t\t.role = \"%s\" },\n",
		    label, variant_sql(), used ? types : "0", used, none, role)
		statements++
	}
	functions = functions prototype_body(first, used)
	name = ""
	comment = ""
}

function prototype_body(first, used, out, i, value, call) {
	out = "\n" prototype() "\n{\n"
	if (used)
		out = out "\tstruct value v[" used "];\n"
	out = out "\tsize_t at = " (choice_param != "" ? "(size_t)" choice_param : "0") ";\n\n"
	for (i = 1; i <= noptional; i++)
		out = out "\tat = at * 2 + " given(optional[i]) ";\n"
	for (i = 1; i <= nparams; i++) {
		if (!position[i])
			continue
		value = "v + " (position[i] - 1)
		if (ptype[i] == "uuid") out = out "\tvalue_uuid(" value ", &" pname[i] ");\n"
		if (ptype[i] == "text") out = out "\tvalue_text(" value ", " pname[i] ");\n"
		if (ptype[i] == "int") out = out "\tvalue_int(" value ", " pname[i] ");\n"
		if (ptype[i] == "bool") out = out "\tvalue_bool(" value ", " pname[i] ");\n"
		if (ptype[i] == "text[]") out = out "\tTRY(value_texts(db, " value ", " pname[i] "));\n"
	}
	call = "db, &statements_" resource "[" first " + at], " (used ? "v" : "NULL")
	if (kind == "none") out = out "\treturn db_exec(" call ");\n"
	if (kind == "one") out = out "\treturn db_one(" call ", &form_" row ", row_out);\n"
	if (kind == "many") out = out "\treturn db_many(" call ", &form_" row ", (void **)rows_out, count_out);\n"
	if (kind == "json") out = out "\treturn db_json(" call ", rows_out);\n"
	if (kind == "json_list") out = out "\treturn db_json_list(" call ", rows_out);\n"
	return out "}\n"
}

FNR == 1 {
	if (NR > 1 && mode != "index")
		fail("one file at a time")
	begin_file()
	if (mode == "header")
		printf "/* Made by tools/sqlgen.awk from sql/query/%s.sql. */\n#pragma once\n#include \"adapter/postgres.h\"\n#include \"model/form.h\"\n\nextern struct statement statements_%s[];\nextern const size_t statements_%s_count;\n\n", resource, resource, resource
}
mode == "index" { next }
/^-- name:/ {
	finish()
	sub(/^-- name: */, "")
	read_name($0)
	next
}
/^-- choose:/ { sub(/^-- choose: */, ""); read_choose($0); next }
/^-- optional:/ { sub(/^-- optional: */, ""); read_optional($0); next }
/^-- by:/ {
	sub(/^-- by: */, "")
	if (name == "")
		file_role = trim($0)
	else
		role = trim($0)
	next
}
/^-- else:/ { sub(/^-- else: */, ""); none = "ERR_" trim($0); next }
/^--/ {
	if (name != "")
		finish()
	sub(/^-- */, "")
	comment = comment (comment == "" ? "" : " ") $0
	next
}
/^[ \t]*$/ {
	if (name == "")
		comment = ""
	next
}
name != "" { text[++nlines] = $0 }

END {
	if (failed)
		exit 1
	if (mode == "index") {
		print "/* Made by tools/sqlgen.awk: every statement, for doctor and the tests. */"
		print "#include \"adapter/postgres.h\"\n#include \"store/statements.h\""
		for (i = 1; i <= nresources; i++)
			print "#include \"store/" resources[i] ".h\""
		print "\nconst struct statement_list statement_lists[] = {"
		for (i = 1; i <= nresources; i++)
			printf "\t{ \"%s\", statements_%s, &statements_%s_count },\n", resources[i], resources[i], resources[i]
		print "\t{ NULL, NULL, NULL },\n};"
		exit 0
	}
	finish()
	if (mode == "body") {
		printf "/* Made by tools/sqlgen.awk from sql/query/%s.sql. */\n#include \"store/%s.h\"\n\n", resource, resource
		printf "struct statement statements_%s[] = {\n%s};\nconst size_t statements_%s_count = sizeof(statements_%s) / sizeof(*statements_%s);\n", resource, table, resource, resource, resource
		print functions
	}
}
