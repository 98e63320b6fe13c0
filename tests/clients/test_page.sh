#!/usr/bin/env bash
# The page of the tour in a real browser: ann listens, bob likes, and ann's page shows it. By
# the WebDriver protocol (W3C), with Debian's chromium and chromedriver.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
command -v chromedriver >/dev/null || {
	echo "chromedriver is not installed"
	exit 77
}
work=$(mktemp -d)
chmod 755 "$work"
driver=''
finish() {
	[[ -z $driver ]] || kill "$driver" 2>/dev/null || true
	tools/stack stop "$work/stack" >/dev/null 2>&1 || true
	rm -rf "$work"
}
trap finish EXIT

bad() {
	echo "page: $*" >&2
	exit 1
}

tools/stack start "$work/stack" --build build/san --fsync off >"$work/start.log" 2>&1 || {
	cat "$work/start.log" >&2
	bad "the stack did not start"
}
eval "$(tools/stack env "$work/stack")"
ann=$(tools/stack ctl "$work/stack" token ann --create)
bob=$(tools/stack ctl "$work/stack" token bob --create)
snippet=$(curl -sf -H "Authorization: Bearer $ann" -H 'Content-Type: application/json' \
	-d '{"title":"Sorting","code":"x"}' "$URL/api/v1/snippets" | jq -r .data.id)

chromedriver --port=0 >"$work/driver.log" 2>&1 &
driver=$!
port=''
for ((i = 0; i < 100; i++)); do
	port=$(sed -nE 's/.*started successfully on port ([0-9]+).*/\1/p' "$work/driver.log")
	[[ -z $port ]] || break
	sleep 0.1
done
[[ -n $port ]] || bad "chromedriver did not start: $(cat "$work/driver.log")"

wire() { # METHOD PATH BODY
	curl -s --noproxy '*' -m 60 -X "$1" -H 'Content-Type: application/json' -d "${3:-}" "http://127.0.0.1:$port$2"
}

options=$(jq -nc --arg dir "$work/profile" '{capabilities: {alwaysMatch: {"goog:chromeOptions": {
	binary: "/usr/bin/chromium", args: ["--headless=new", "--no-sandbox", "--disable-gpu",
	"--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-dev-shm-usage",
	"--disable-component-update", "--disable-sync", ("--user-data-dir=" + $dir)]}}}}')
session=$(wire POST /session "$options" | jq -r .value.sessionId)
[[ $session != null && -n $session ]] || bad "no browser session: $(tail -n 5 "$work/driver.log")"
at=/session/$session

script() { # what the browser says to it
	wire POST "$at/execute/sync" "$(jq -nc --arg s "$1" '{script: $s, args: []}')" | jq -r .value
}

wait_for() { # WHAT SCRIPT WANTED, for at most 20 s
	local said=''
	for ((i = 0; i < 200; i++)); do
		said=$(script "$2")
		[[ $said != *"$3"* ]] || return 0
		sleep 0.1
	done
	bad "$1: it says '$said', not '$3'"
}

wire POST "$at/url" "$(jq -nc --arg u "$URL/" '{url: $u}')" >/dev/null
script "document.getElementById('ann-token').value = '$ann';
	document.getElementById('bob-token').value = '$bob';
	document.getElementById('snippet').value = '$snippet';
	document.querySelector('#listen button').click();" >/dev/null
wait_for "listening" "return document.getElementById('state').textContent" "listening"
script "document.querySelector('#like button').click()" >/dev/null
wait_for "bob's answer" "return document.getElementById('answer').textContent" "likes: 1"
wait_for "what ann sees" "return document.getElementById('events').textContent" \
	'bob liked your snippet "Sorting"'
# A page of another origin may not read the API.
wire POST "$at/url" '{"url": "data:text/html,<p>elsewhere"}' >/dev/null
script "window.said = ''; fetch('$URL/api/v1/tags').then(() => said = 'read', () => said = 'refused')" >/dev/null
wait_for "a foreign page" "return window.said" "refused"
wire DELETE "$at" >/dev/null
echo "the browser showed it"
