#!/usr/bin/env bash
# Signing in with GitHub on the page of the tour, in a real browser: refused and allowed there (at
# the stand-in, on another site than ours, as GitHub is), the first sync as it runs, two tabs,
# sessions, disconnecting, signing out.
# long: 40 s
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/clients/browser.sh
source tests/clients/browser.sh

stand_in() { # ROUTE JSON
	curl -sS --fail-with-body --noproxy '*' -m 10 -d "$2" "$GITHUB_URL/_stand-in/$1" >"$work/answer" ||
		bad "$1: $(cat "$work/answer")"
}

# Texts that the reader sees: textContent also has what is hidden.
sees() { # CSS TEXT
	wait_for "$1" "const there = document.querySelector('$1'); return there ? there.innerText : ''" "$2"
}

window() { # HANDLE
	wire POST "$at/window" "{\"handle\": \"$1\"}" >/dev/null
}

in_psql() { # SQL
	tools/stack psql "$work/stack" -qAtc "$1"
}

signed_out() {
	wait_for "the link" 'const link = document.getElementById("sign-in");
		return link && link.checkVisibility() ? "there" : "not there"' 'there'
}

sign_in() { # LOGIN: by the page of the stand-in
	click '#sign-in'
	wait_for "GitHub's page" 'return document.title + document.readyState' 'Sign incomplete'
	click "button[value=$1]"
}

# Every file of the page is served, with a policy that lets no text be markup; nothing beside it.
check_files() {
	local policy path
	for path in '' index.html $(cd nginx/site && printf '%s ' *.js *.css *.svg); do
		policy=$(curl -sf -o /dev/null -w '%header{content-security-policy}' "$URL/$path") || bad "/$path is not served"
		[[ $policy == "default-src 'none'"*"require-trusted-types-for 'script'"* && $policy != *unsafe* ]] ||
			bad "the policy of /$path is '$policy'"
	done
	[[ $(curl -s -o /dev/null -w '%{http_code}' "$URL/other.js") == 404 ]] || bad "/other.js is read from disk"
}

check_refused() {
	go "$URL/"
	signed_out
	[[ $(script 'return document.getElementById("wrong").textContent') == '' ]] || bad "a stranger is told of an error"
	click '#sign-in'
	wait_for "GitHub's page" 'return document.title + document.readyState' 'Sign incomplete'
	click 'button[name=deny]'
	sees '#wrong' 'You did not allow CodeGram to sign you in.'
	[[ $(script 'return location.href') == "$URL/" ]] || bad "the address keeps the reason"
	signed_out
	sign_in mallory
	sees '#wrong' 'You were not signed in.'
	# A link with words in it, made by somebody else
	go "$URL/?error=FORBIDDEN&reason=Call%20555-1234"
	sees '#wrong' 'It was refused.'
	go "$URL/?error=%3Cb%3E&reason=x"
	sees '#wrong' 'It did not work.'
}

check_first_sync() {
	# What the bar shows is held there by GitHub taking its time.
	stand_in fault '{"path": "/repos/ada/", "kind": "stall", "seconds": 1, "times": 3}'
	stand_in fault '{"path": "/repositories/", "kind": "stall", "seconds": 1, "times": 3}'
	sign_in ada
	sees '#person-name' Ada
	[[ $(script 'return location.href') == "$URL/" ]] || bad "it is at another address"
	sees '#live-state' listening
	wait_for "the bar moves" 'const bar = document.getElementById("progress-repositories");
		return bar.value > 0 && bar.value < 100 && bar.nextElementSibling.textContent' '%'
	sees '#repository-rows' ada/engine
	wait_for "the sync is done" 'return [...document.querySelectorAll("dd progress")].map((bar) => bar.value).join()' '100,100,100'
	sees '#sync-state' 'In step with GitHub'
	sees '#repository-count' '7 repositories' # the eighth is private
	wait_for "rows" 'return document.getElementById("repository-rows").children.length + " rows"' '7 rows'
	wait_for "bars" 'const bars = [...document.querySelectorAll("#language-rows rect")];
		return bars.length > 1 && bars.every((bar) => bar.getBoundingClientRect().width > 0) ? "wide" : "no"' wide
	wait_for "the calendar" 'const days = document.querySelectorAll("#calendar rect").length;
		const some = document.querySelectorAll("#calendar rect:not(.level-0)").length;
		return days > 364 && days < 372 && some > 0 ? "full" : days + " " + some' full
	sees '#calendar-words' 'Streak: '
	fits "the page"
	check_words
	[[ $(script 'return localStorage.length + sessionStorage.length + document.cookie') == 0 ]] ||
		bad "something of the session is in a store that scripts read"
}

# Times long ago, sentences that meet, the bars of a sync that waits for its turn.
check_words() {
	wait_for "times" 'const text = document.getElementById("repository-rows").innerText;
		return / y ago/.test(text) && !/[0-9]{3} d ago/.test(text) ? "in years" : text' 'in years'
	stack stop-part "$work/stack" worker
	click '#sync-now'
	sees '#sync-state' 'waits for its turn'
	[[ $(script 'return [...document.querySelectorAll("dd progress")].map((bar) =>
		bar.value + bar.nextElementSibling.textContent).join()') == 0queued,0queued,0queued ]] ||
		bad "a queued sync has a bar of the one before"
	stack start-part "$work/stack" worker
	sees '#sync-state' 'In step with GitHub'
	stack stop-part "$work/stack" postgres
	sees '#away' 'CodeGram is away for a moment. It is tried again.'
	stack start-part "$work/stack" postgres
	wait_for "it is back" 'return document.getElementById("away").textContent + "."' '.'
}

check_labels() { # as a screen reader is told
	local nameless
	nameless=$(wire POST "$at/goog/cdp/execute" '{"cmd": "Accessibility.getFullAXTree", "params": {}}' | jq -c '
		["button", "link", "textbox", "progressbar", "region", "image"] as $named |
		[.value.nodes[] | select(.ignored | not)] | if length < 10 then error("no tree") else .[] end |
		select((.role.value | IN($named[])) and (.name.value // "") == "") | .role.value')
	[[ -z $nameless ]] || bad "without a name: $nameless"
}

# An access token lives for ten seconds here. Each tab asks for a new one in time.
check_two_tabs() {
	local first second before i
	first=$(wire GET "$at/window" | jq -r .value)
	second=$(wire POST "$at/window/new" '{"type": "tab"}' | jq -r .value.handle)
	window "$second"
	go "$URL/"
	sees '#person-name' Ada
	before=$(in_psql 'select count(*) from refresh_tokens')
	for ((i = 0; i < 300; i++)); do
		(($(in_psql 'select count(*) from refresh_tokens') < before + 4)) || break
		sleep 0.1
	done
	((i < 300)) || bad "no new tokens are asked for"
	# And at once, with the same cookie
	script "const one = () => fetch('/api/v1/auth/refresh', {method: 'POST', headers: {'X-CodeGram': '1'}});
		window.done = ''; Promise.all([one(), one(), one()]).then((all) => { done = all.map((a) => a.status).join(); })" >/dev/null
	wait_for "three at once" 'return window.done' '200,200,200'
	[[ $(in_psql 'select count(*) from sessions where revoked_at is not null') == 0 ]] || bad "the tabs ended their session"
	sees '#person-name' Ada

	# Signed out in one, so in the other.
	press Tab
	click '#sign-out'
	signed_out
	sees '#said' 'You are signed out.'
	[[ $(script 'return document.querySelectorAll("#repository-rows li, #session-rows tr, #calendar rect").length') == 0 ]] ||
		bad "something stayed after signing out"
	wire DELETE "$at/window" >/dev/null
	window "$first"
	sees '#wrong' 'Your session has ended.'
	signed_out
}

check_sessions() {
	stand_in change '{"change": "sign_in_as", "login": "ada"}'
	curl -s -L -A 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' -c "$work/jar" -b "$work/jar" \
		-o /dev/null "$URL/api/v1/auth/github"
	stand_in change '{"change": "sign_in_as", "login": null}'
	sign_in ada
	sees '#session-rows' 'this one'
	sees '#session-rows' Firefox
	click '#session-rows button'
	click '#confirm-no'
	[[ $(in_psql 'select count(*) from sessions where revoked_at is null') == 2 ]] || bad "it ended without a yes"
	click '#session-rows button'
	click '#confirm-yes'
	sees '#said' 'is signed out'
	wait_for "one session" 'return document.getElementById("session-rows").children.length + " row"' '1 row'
	[[ $(in_psql 'select count(*) from sessions where revoked_at is null') == 1 ]] || bad "the session goes on"
}

check_sync_again() {
	stand_in change '{"change": "add_repository", "login": "ada", "name": "cards", "description": "<b>hers</b>"}'
	click '#sync-now'
	sees '#said' 'A sync was asked for.'
	sees '#repository-count' '8 repositories'
	sees '#repository-rows' '<b>hers</b>'
	[[ $(script 'return document.querySelectorAll("#repository-rows b").length') == 0 ]] || bad "a text became markup"
	click '#disconnect'
	click '#confirm-yes'
	sees '#said' 'GitHub is disconnected.'
	sees '#sync-state' 'You disconnected it.'
	sees '#sign-in-again' 'Connect again'
	click '#sign-in-again'
	wait_for "GitHub's page" 'return document.title + document.readyState' 'Sign incomplete'
	click 'button[value=ada]'
	sees '#sync-now' 'Sync now'
}

check_everywhere() {
	script "document.querySelector('#sign-out-all').focus()" >/dev/null
	press Enter
	sees '#confirm-text' 'Every session'
	press Tab Enter
	sees '#said' 'You are signed out everywhere.'
	[[ $(in_psql 'select count(*) from sessions where revoked_at is null') == 0 ]] || bad "a session goes on"
	wire POST "$at/refresh" '{}' >/dev/null
	signed_out
}

stack start "$work/stack" --build build/san --fsync off --set JWT_ACCESS_SECONDS=10 --set RATE_LOGIN=1000 --set RATE_READ=10000
eval "$(tools/stack env "$work/stack")"
# To a browser localhost and 127.0.0.1 are two sites, so cookies have to stand coming from another.
stack start "$work/stack" --set "GITHUB_URL=${GITHUB_URL/127.0.0.1/localhost}"
stack restart-part "$work/stack" api-login

check_files
browser_start
check_refused
check_first_sync
check_labels
check_two_tabs
check_sessions
check_sync_again
check_labels
check_everywhere
# Refused requests are in the console by the browser's doing; errors of the page must not be.
said=$(browser_log | jq -c 'select(.source != "network")')
[[ -z $said ]] || bad "the console has $said"
echo "the browser signed in and out"
