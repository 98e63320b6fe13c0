#!/usr/bin/env bash
# github_shape: the GitHub stand-in answers as GitHub describes itself: Prism between caller and
# stand-in holds each answer against GitHub's OpenAPI description, and refuses a wrong one; the
# webhooks are held against the same and against recorded ones, GraphQL against its schema.
# long: 30 s
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/clients/npm.sh
source tests/clients/npm.sh
packages=(@stoplight/prism-cli@5.14.2 @octokit/openapi@23.0.2 @octokit/webhooks-examples@7.6.1
	@octokit/graphql-schema@15.26.1 graphql@16.11.0 ajv@8.17.1 ajv-formats@3.0.1)

install_packages github-shape "${packages[@]}"
npm_begin

build/san/bin/github-stand-in --listen 127.0.0.1:0 --seed tests/github/seed.json --ready "$work/ready" \
	>"$work/github.log" 2>&1 &
pids+=($!)
wait_for 30 test -s "$work/ready" || bad "the stand-in did not start: $(cat "$work/github.log")"
github=$(<"$work/ready")
node tests/clients/github_shape.cjs slice "$work/github.json"

# A port that was free a moment ago may be taken: then another one.
prism_answers() {
	curl -s -m 5 --noproxy '*' -o /dev/null "$prism/rate_limit"
}
prism=''
for turn in 1 2 3; do
	port=$((20000 + RANDOM % 12000))
	prism=http://127.0.0.1:$port
	"$NPM_DIR/node_modules/.bin/prism" proxy --errors -h 127.0.0.1 -p "$port" "$work/github.json" "$github" \
		>"$work/prism.log" 2>&1 &
	pids+=($!)
	wait_for 60 prism_answers && break
	((turn < 3)) || bad "Prism did not start: $(tail -n 5 "$work/prism.log")"
done

control() { # PATH BODY
	curl -sf --noproxy '*' -m 20 -d "$2" "$github/_stand-in/$1"
}

token_of() { # LOGIN SCOPES
	control change "{\"change\":\"token\",\"login\":\"$1\",\"scopes\":\"$2\"}" | jq -r .token
}

asked=0
ask() { # STATUS METHOD PATH [curl's option...]: the body is in $work/body, the headers in $work/head
	local wanted=$1 method=$2 path=$3 got
	shift 3
	got=$(curl -s --noproxy '*' -m 30 -X "$method" -o "$work/body" -D "$work/head" -w '%{http_code}' \
		-H 'Accept: application/vnd.github+json, application/json;q=0.9' \
		-H 'X-GitHub-Api-Version: 2022-11-28' "$@" "$prism$path")
	[[ $got == "$wanted" ]] || bad "$method $path: $got, not $wanted: $(cut -c 1-2000 "$work/body")"
	asked=$((asked + 1))
}

refused() { # METHOD PATH [option...]: Prism must find the answer wrong
	local got
	got=$(curl -s --noproxy '*' -m 30 -X "$1" -o "$work/body" -w '%{http_code}' "${@:3}" "$prism$2")
	if [[ $got != 500 ]] || ! grep -q 'prism/errors#VIOLATIONS' "$work/body"; then
		bad "a wrong answer to $1 $2 was let through: $got $(cut -c 1-300 "$work/body")"
	fi
	asked=$((asked + 1))
}

ada=(-H "Authorization: Bearer $(token_of ada repo,user)")
few=(-H "Authorization: Bearer $(token_of ada read:user)")
collector=(-H "Authorization: Bearer $(token_of collector read:user,user:email)")
mallory=(-H "Authorization: Bearer $(token_of mallory read:user)")

# ---- what is asked every day
for path in /rate_limit /user /user/emails '/user/repos?affiliation=owner&sort=pushed&direction=desc&per_page=100' \
	/users/ada /users/nobody-yet /users/grace/repos /repos/ada/engine /repos/ada/letters /repos/grace/flow-matic \
	/repos/ada/engine/languages /repos/ada/poetry/languages; do
	ask 200 GET "$path" "${ada[@]}"
done
for path in '/user/repos?per_page=100' '/user/repos?per_page=100&page=30' '/user/repos?per_page=100&page=31' /user; do
	ask 200 GET "$path" "${collector[@]}"
done
ask 200 GET /users/linus # nobody is known here
ask 200 GET /user "${few[@]}"
ask 404 GET /user/emails "${few[@]}"
for path in /user /user/emails '/user/repos?sort=pushed'; do
	ask 200 GET "$path" "${ada[@]}"
	etag=$(tr -d '\r' <"$work/head" | sed -n 's/^etag: //Ip')
	[[ -n $etag ]] || bad "$path has no ETag"
	ask 304 GET "$path" "${ada[@]}" -H "If-None-Match: $etag"
done

# ---- what goes wrong
ask 401 GET /user
ask 401 GET /user -H 'Authorization: Bearer gho_nobody'
ask 403 GET /user "${mallory[@]}"
ask 404 GET /repos/ada/nothing "${ada[@]}"
ask 404 GET /repos/ada/letters "${few[@]}"
ask 404 GET /users/who-is-this "${ada[@]}"
ask 422 GET '/user/repos?affiliation=owner&type=owner' "${ada[@]}"
control change '{"change":"rename_repository","repository":"ada/looms","to":"weaving"}' >/dev/null
ask 200 GET /repos/ada/looms "${ada[@]}" # Prism follows the redirect
ask 200 GET /repos/ada/weaving "${ada[@]}"
for kind in rate secondary forbidden suspended scope; do
	control fault "{\"path\":\"/user\",\"kind\":\"$kind\"}" >/dev/null
	ask 403 GET /user "${ada[@]}"
done

# ---- the OAuth app's own questions
app=(-u stand-in-client:stand-in-secret -H 'Content-Type: application/json')
gone=$(token_of grace read:user)
ask 200 POST /applications/stand-in-client/token "${app[@]}" -d "{\"access_token\":\"$gone\"}"
ask 204 DELETE /applications/stand-in-client/token "${app[@]}" -d "{\"access_token\":\"$gone\"}"
ask 404 POST /applications/stand-in-client/token "${app[@]}" -d "{\"access_token\":\"$gone\"}"
gone=$(token_of grace read:user)
ask 204 DELETE /applications/stand-in-client/grant "${app[@]}" -d "{\"access_token\":\"$gone\"}"
ask 401 GET /user -H "Authorization: Bearer $gone"

# ---- canaries: wrong answers that must not get through
spoil() { # PATH FIELD [VALUE]
	control fault "{\"path\":\"$1\",\"kind\":\"field\",\"field\":\"$2\"${3:+,\"value\":$3}}" >/dev/null
}
spoil /user id '"text"'
refused GET /user "${ada[@]}"
spoil /user/repos stargazers_count
refused GET /user/repos "${ada[@]}"
spoil /repos/ada/engine/languages C '"much"'
refused GET /repos/ada/engine/languages "${ada[@]}"
spoil /repos/ada/engine owner '{}'
refused GET /repos/ada/engine "${ada[@]}"
control fault '{"path":"/repos/ada/engine","kind":"blocked"}' >/dev/null
ask 451 GET /repos/ada/engine "${ada[@]}" # GitHub's description leaves it out: nothing to hold it against

# ---- deliveries
deliver() { # EVENT ACTION
	control webhook "{\"event\":\"$1\",\"action\":\"$2\",\"repository\":\"ada/engine\",\"dry\":true}" |
		jq -c --arg event "$1" '{event: $event, body: .answer | fromjson}'
}
for row in 'ping' 'push' 'star created' 'star deleted' 'github_app_authorization revoked' \
	'installation created' 'installation deleted' 'installation suspend' \
	'installation_repositories added' 'installation_repositories removed' \
	'repository created' 'repository deleted' 'repository renamed' 'repository transferred' 'repository edited' \
	'repository archived' 'repository unarchived' 'repository publicized' 'repository privatized'; do
	read -r event action <<<"$row"
	deliver "$event" "${action:-}" >>"$work/deliveries"
	asked=$((asked + 1))
done
node tests/clients/github_shape.cjs webhooks <"$work/deliveries" || bad "deliveries"
if deliver push '' | jq -c 'del(.body.commits)' | node tests/clients/github_shape.cjs webhooks 2>/dev/null; then
	bad "a wrong delivery was not seen"
fi

node tests/clients/github_shape.cjs graphql "$github/api/graphql" "$(token_of ada read:user)" || bad "GraphQL"

kill "${pids[0]}"
wait "${pids[0]}" || bad "the stand-in ended with $?: $(cat "$work/github.log")"
echo "$((asked + 1)) answers held against GitHub's descriptions"
