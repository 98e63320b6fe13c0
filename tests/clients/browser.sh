#!/usr/bin/env bash
# browser: a headless Chromium for test scripts, by the WebDriver protocol (W3C), with Debian's
# chromium and chromedriver. Sourced, at the tree's root: makes the folder $work, and ends the
# browser and the stack in $work/stack when the test does.

driver='' driver_port='' at=''
element_key=element-6066-11e4-a52e-4f735466cecf # WebDriver, section 11

command -v chromedriver >/dev/null || {
	echo "chromedriver is not installed"
	exit 77
}
work=$(mktemp -d)
chmod 755 "$work"

finish() {
	browser_stop
	tools/stack stop "$work/stack" >/dev/null 2>&1 || true
	rm -rf "$work"
}
trap finish EXIT

bad() {
	echo "$(basename "$0" .sh): $*" >&2
	[[ -z $at ]] || script 'return "The page says: " + document.body.innerText' >&2
	exit 1
}

stack() {
	tools/stack "$@" >>"$work/stack.log" 2>&1 || {
		cat "$work/stack.log" >&2
		bad "tools/stack $1 failed"
	}
}

wire() { # METHOD PATH BODY
	curl -s --noproxy '*' -m 60 -X "$1" -H 'Content-Type: application/json' -d "${3:-}" \
		"http://127.0.0.1:$driver_port$2"
}

browser_start() {
	local i options session
	: >"$work/driver.log"
	chromedriver --port=0 >>"$work/driver.log" 2>&1 &
	driver=$!
	for ((i = 0; i < 100; i++)); do
		driver_port=$(sed -nE 's/.*started successfully on port ([0-9]+).*/\1/p' "$work/driver.log")
		[[ -z $driver_port ]] || break
		sleep 0.1
	done
	[[ -n $driver_port ]] || bad "chromedriver did not start: $(cat "$work/driver.log")"
	options=$(jq -nc --arg dir "$work/profile" '{capabilities: {alwaysMatch: {
		"goog:loggingPrefs": {browser: "ALL"}, "goog:chromeOptions": {
		binary: "/usr/bin/chromium", args: ["--headless=new", "--no-sandbox", "--disable-gpu",
		"--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-dev-shm-usage",
		"--disable-component-update", "--disable-sync", ("--user-data-dir=" + $dir)]}}}}')
	session=$(wire POST /session "$options" | jq -r .value.sessionId)
	[[ $session != null && -n $session ]] || bad "no browser session: $(tail -n 5 "$work/driver.log")"
	at=/session/$session
}

browser_stop() {
	[[ -z $at ]] || wire DELETE "$at" >/dev/null || true
	[[ -z $driver ]] || kill "$driver" 2>/dev/null || true
	at='' driver=''
}

go() { # URL
	wire POST "$at/url" "$(jq -nc --arg u "$1" '{url: $u}')" >/dev/null
}

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

# ---- as a person does it: what is hidden or covered can't be clicked

find_element() { # CSS: its id
	wire POST "$at/element" "$(jq -nc --arg v "$1" '{using: "css selector", value: $v}')" |
		jq -r --arg key "$element_key" '.value[$key] // empty'
}

of_element() { # CSS METHOD COMMAND [BODY]: the answer's value; bad when it is refused
	local id answer
	id=$(find_element "$1")
	[[ -n $id ]] || bad "there is no $1"
	answer=$(wire "$2" "$at/element/$id/$3" "${4:-}")
	[[ $(jq -r '.value.error? // empty' <<<"$answer") == '' ]] ||
		bad "$3 of $1: $(jq -r '.value.message' <<<"$answer" | head -n 1)"
	jq -r '.value' <<<"$answer"
}

click() { # CSS
	of_element "$1" POST click '{}' >/dev/null
}

type_into() { # CSS TEXT
	of_element "$1" POST value "$(jq -nc --arg t "$2" '{text: $t}')" >/dev/null
}

press() { # KEY...: at what has the focus; a letter, Tab, Enter, Escape, Space
	wire POST "$at/actions" "$(jq -nc '{Tab: "\ue004", Enter: "\ue007", Escape: "\ue00c", Space: " "} as $named |
		[$ARGS.positional[] | $named[.] // . | {type: "keyDown", value: .}, {type: "keyUp", value: .}] |
		{actions: [{type: "key", id: "keys", actions: .}]}' --args "$@")" >/dev/null
}

browser_log() { # its console since the last call: a JSON line for each entry but of its own pages
	wire POST "$at/se/log" '{"type": "browser"}' |
		jq -c '.value[] | select(.message | startswith("chrome://") | not)'
}

# On a laptop, a tablet and a telephone nothing has to be scrolled sideways to be pressed.
fits() { # WHAT
	local width
	for width in 1280 1024 390; do
		wire POST "$at/goog/cdp/execute" "{\"cmd\": \"Emulation.setDeviceMetricsOverride\", \"params\":
			{\"width\": $width, \"height\": 800, \"deviceScaleFactor\": 1, \"mobile\": false}}" >/dev/null
		wait_for "$1 at $width px" 'const cut = [...document.querySelectorAll("a, button, input, select")].filter((node) => {
				const box = node.getBoundingClientRect();
				let left = 0, right = innerWidth;
				for (let around = node.parentElement; around; around = around.parentElement) {
					const edge = around.getBoundingClientRect();
					if (getComputedStyle(around).overflowX === "visible")
						continue;
					left = Math.max(left, edge.left);
					right = Math.min(right, edge.right);
				}
				return node.checkVisibility() && (box.left < left - 1 || box.right > right + 1);
			}).map((node) => node.getAttribute("aria-label") || node.textContent || node.id);
			const page = document.documentElement.scrollWidth;
			return page > innerWidth ? "a page of " + page : cut.length ? "cut off: " + cut.join() : "it fits"' 'it fits'
	done
	wire POST "$at/goog/cdp/execute" '{"cmd": "Emulation.clearDeviceMetricsOverride", "params": {}}' >/dev/null
}
