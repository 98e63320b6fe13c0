#!/usr/bin/env bash
# github_client: CodeGram's client of GitHub against servers that others wrote: answers that
# Octokit recorded from GitHub (pages, a renamed repository), and Prism's mock of GitHub's own
# OpenAPI description, which refuses a wrong request. All in a network of its own.
# long: 20 s
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/clients/npm.sh
source tests/clients/npm.sh
packages=(@stoplight/prism-cli@5.14.2 @octokit/openapi@23.0.2 @octokit/fixtures-server@8.1.7)

# The fixtures' server listens on every address, so it gets a network with none but loopback.
if [[ ${1:-} != inside ]]; then
	install_packages github-client "${packages[@]}"
	mkdir -p build
	flock build/.lock make -s -j "$(nproc)" SAN=1 build/san/tests/github_client/ask >&2
	for how in -n -rn; do
		unshare "$how" true 2>/dev/null || continue
		# shellcheck disable=SC2093 # only where it may be done
		exec unshare "$how" "$PWD/${BASH_SOURCE[0]#"$PWD"/}" inside
	done
	skip "no network namespace may be made here"
fi

ip link set lo up
npm_begin

token=0000000000000000000000000000000000000001
ask() { # API-URL VERB ARGUMENT
	build/san/tests/github_client/ask "$1" "$token" "$2" "$3" 2>>"$work/ask.log" || true
}

is() { # WHAT SAID WANTED
	[[ $2 == "$3" ]] || bad "$1: it says '$2', not '$3' $(tail -n 3 "$work/ask.log")"
}

# ---- Prism's mock; it takes a while to begin

node -e '
	const spec = require(process.env.NPM_DIR + "/node_modules/@octokit/openapi/generated/api.github.com.json");
	const ours = ["/user", "/user/emails", "/user/repos", "/repos/{owner}/{repo}",
		"/repos/{owner}/{repo}/languages", "/users/{username}",
		"/applications/{client_id}/token", "/applications/{client_id}/grant"];
	spec.paths = Object.fromEntries(ours.map(path => [path, spec.paths[path]]));
	delete spec.webhooks, delete spec["x-webhooks"];
	// its example of a next page lies at the real GitHub, where our client would not follow
	const text = JSON.stringify(spec).replaceAll("https://api.github.com/resource?", "http://127.0.0.1:4010/user/repos?");
	require("fs").writeFileSync(process.argv[1], text);' "$work/github.json"
"$NPM_DIR/node_modules/.bin/prism" mock -h 127.0.0.1 -p 4010 "$work/github.json" \
	>"$work/prism.log" 2>&1 &
pids+=($!)

# ---- what Octokit recorded

# The recorded requests carry Octokit's headers; ours are wanted in their place.
for name in paginate-issues rename-repository; do
	mkdir -p "$work/scenarios/api.github.com/$name"
	jq --arg token "$token" 'map(if .method == "get" then
			.reqheaders.accept = "application/vnd.github+json, application/json;q=0.9"
			| .reqheaders.authorization = "Bearer \($token)"
			| .reqheaders["x-github-api-version"] = "2022-11-28"
		else . end)' \
		"$NPM_DIR/node_modules/@octokit/fixtures/scenarios/api.github.com/$name/normalized-fixture.json" \
		>"$work/scenarios/api.github.com/$name/normalized-fixture.json"
done
"$NPM_DIR/node_modules/.bin/octokit-fixtures-server" --port 3000 --fixtures-url http://127.0.0.1:3000 \
	--fixtures "$work/scenarios/**/normalized-fixture.json" --log-level warn >"$work/fixtures.log" 2>&1 &
pids+=($!)
fixtures_answer() {
	curl -s -m 5 -o /dev/null http://127.0.0.1:3000/
}
wait_for 60 fixtures_answer || bad "the fixtures' server did not start: $(tail -n 5 "$work/fixtures.log")"

load() { # SCENARIO: its base URL
	curl -sf -m 10 -H 'Content-Type: application/json' -d "{\"scenario\": \"$1\"}" \
		http://127.0.0.1:3000/fixtures | jq -re .url
}

base=$(load paginate-issues) || bad "no scenario: $(tail -n 5 "$work/fixtures.log")"
path=${base#http://127.0.0.1:3000}
said=$(ask "$base" pages '/repos/octokit-fixture-org/paginate-issues/issues?per_page=3')
is "pages" "$said" "ok 200 3 0 $path/repos/octokit-fixture-org/paginate-issues/issues?per_page=3
ok 200 3 0 $path/repositories/1000/issues?per_page=3&page=2
ok 200 3 0 $path/repositories/1000/issues?per_page=3&page=3
ok 200 3 0 $path/repositories/1000/issues?per_page=3&page=4
ok 200 1 0 $path/repositories/1000/issues?per_page=3&page=5"

base=$(load rename-repository)
path=${base#http://127.0.0.1:3000}
curl -sf -m 10 -X PATCH -o /dev/null -H "Authorization: token $token" -H 'Accept: application/vnd.github.v3+json' \
	-H 'Content-Type: application/json; charset=utf-8' -d '{"name":"rename-repository-newname"}' \
	"$base/repos/octokit-fixture-org/rename-repository" || bad "the renaming was not replayed"
said=$(ask "$base" get /repos/octokit-fixture-org/rename-repository)
is "renamed" "$said" "moved 200 0 1000 $path/repositories/1000"

# ---- Prism

prism=http://127.0.0.1:4010
prism_answers() {
	curl -s -m 5 -o /dev/null "$prism/user"
}
wait_for 120 prism_answers || bad "Prism did not start: $(tail -n 5 "$work/prism.log")"

is "identity" "$(ask $prism identity -)" "1 octocat octocat@github.com
ok 200 0 1 /user"
is "repositories" "$(ask $prism get '/user/repos?affiliation=owner&sort=pushed&direction=desc&per_page=100')" \
	'ok 200 1 0 /user/repos?affiliation=owner&sort=pushed&direction=desc&per_page=100'
is "a repository" "$(ask $prism get /repos/octocat/Hello-World | cut -d ' ' -f 1-4)" "ok 200 0 1296269"
is "languages" "$(ask $prism get /repos/octocat/Hello-World/languages)" \
	"ok 200 0 0 /repos/octocat/Hello-World/languages"
is "somebody" "$(ask $prism get /users/octocat)" "ok 200 0 1 /users/octocat"
is "a good token" "$(ask $prism check gho_16C7e42F292c6912E7710c838347Ae178B4a)" \
	"ok 200 0 0 /applications/Iv1.8a61f9b3a7aba766/token"
is "the grant" "$(ask $prism revoke gho_16C7e42F292c6912E7710c838347Ae178B4a)" \
	"ok 204 0 0 /applications/Iv1.8a61f9b3a7aba766/grant"
# Prism refuses a wrong question, so the right ones above mean something.
is "a wrong question" "$(ask $prism get '/user/repos?sort=nonsense' | cut -d ' ' -f 1-2)" "refused 422"

while read -r code path outcome; do
	is "$code of $path" "$(ask $prism get "$path?__code=$code" | cut -d ' ' -f 1-2)" "$outcome $code"
done <<-TEXT
	301 /repos/octocat/Hello-World refused
	304 /user away
	401 /user later
	403 /user forbidden
	403 /repos/octocat/Hello-World forbidden
	404 /repos/octocat/Hello-World gone
	422 /user/repos refused
TEXT
echo "the recorded answers and the mock were understood"
