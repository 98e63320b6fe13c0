#!/usr/bin/env bash
# The operators' page in a real browser, on a stack whose worker has the test jobs: who may look,
# queues that move, pause, limits, failed jobs, hostile payloads, schedules; what it says when
# the token ends, requests are too many or Redis is away; keys and labels.
# long: 45 s
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/clients/browser.sh
source tests/clients/browser.sh

api() { # METHOD PATH [BODY]: as the admin
	curl -sS --fail-with-body -m 20 -X "$1" -H "Authorization: Bearer $ops" \
		${3:+-H 'Content-Type: application/json' -d "$3"} "$URL/api/v1/admin$2" >"$work/answer" ||
		bad "$1 $2: $(cat "$work/answer")"
	cat "$work/answer"
}

add_job() { # QUEUE NAME DATA: its id
	api POST /jobs "$(jq -nc --arg q "$1" --arg n "$2" --argjson d "$3" '{queue: $q, name: $n, data: $d}')" |
		jq -r .data.id
}

state_of() { # QUEUE ID
	api GET "/jobs/$2?queue=$1" | jq -r .data.state
}

row='#queue-rows tr[data-key=maintenance]'

sees() { # CSS TEXT
	wait_for "$1" "const there = document.querySelector('$1'); return there ? there.textContent : ''" "$2"
}

# The schedule of tests adds a job each minute, too: so counts are never exact.
reaches() { # STATE NUMBER: of the queue maintenance, on the page
	wait_for "$1 is $2 or more" "const cell = document.querySelector('$row a[href*=\"state=$1\"]');
		return cell ? (parseInt(cell.textContent) >= $2 ? 'reached' : cell.textContent) : ''" reached
}

view() { # FRAGMENT: by the address, as a bookmark would
	script "location.hash = '$1'" >/dev/null
}


sign_in() { # TOKEN
	script "document.getElementById('token').value = ''" >/dev/null
	type_into '#token' "$1"
	press Enter
}

# ---- files and their policy

check_files() {
	local policy path
	policy=$(curl -sf -o /dev/null -w '%header{content-security-policy}' "$URL/admin/")
	[[ $policy == "default-src 'none'"*"require-trusted-types-for 'script'"* && $policy != *unsafe* ]] ||
		bad "the policy is '$policy'"
	[[ $(curl -s -o /dev/null -w '%{http_code} %header{location}' "$URL/admin") == '308 /admin/' ]] ||
		bad "/admin does not lead to /admin/"
	[[ $(curl -sf -o /dev/null -w '%{content_type}' "$URL/icon.svg") == image/svg+xml ]] || bad "there is no icon"
	for path in admin.sh admin.js~ .. site.js; do
		[[ $(curl -s -o /dev/null -w '%{http_code}' --path-as-is "$URL/admin/$path") == 40[04] ]] ||
			bad "/admin/$path is read from disk"
	done
}

check_icon() { # the page's policy lets it be shown
	go "$URL/admin/"
	wait_for "the icon" "const icon = document.querySelector('link[rel=icon]'), image = new Image();
		if (!icon) return 'none';
		window.shown = window.shown || '';
		image.onload = () => { window.shown = image.width + ' px'; };
		image.src = icon.href;
		return window.shown" ' px'
}

# ---- who may look

check_strangers() {
	go "$URL/admin/#queues"
	sign_in 'not a token'
	sees '#wrong' 'This is no token'
	sign_in 'rubbish'
	sees '#wrong' 'Make a new token'
	sign_in "$bob"
	sees '#wrong' 'for admins only'
	[[ $(script "return sessionStorage.length + ' ' + document.getElementById('queue-rows').children.length") == '0 0' ]] ||
		bad "a refused token was kept, or showed something"
	sign_in "Bearer $ops"
	sees "$row" maintenance
	# Another tab's load of the page is signed in by what this tab keeps, and by nothing in the address.
	wire POST "$at/refresh" '{}' >/dev/null
	sees "$row" maintenance
	[[ $(script 'return location.href + document.cookie + localStorage.length') == "$URL/admin/#queues0" ]] ||
		bad "the address or a store has more than it should"
}

# ---- queues

check_queues() {
	local i kept
	for ((i = 0; i < 20; i++)); do
		add_job maintenance test.none '{}' >/dev/null
	done
	reaches completed 20
	fits "the queues"
	wait_for "the rate" "return [...document.querySelectorAll('$row td')].slice(8, 10).every((cell) =>
		parseFloat(cell.textContent) > 0) ? 'yes' : 'no'" yes

	# By keys alone, and the focus stays where it is while the rows are read anew.
	script "document.querySelector('#live').focus()" >/dev/null
	for ((i = 0; i < 12; i++)); do
		press Tab
		[[ $(script 'return document.activeElement.getAttribute("aria-label")') != 'Pause: maintenance' ]] || break
	done
	((i < 12)) || bad "Tab does not come to the button Pause"
	press Enter
	sees "$row .mark:not([hidden])" paused
	sees '#said' 'maintenance is paused'
	kept=$(add_job maintenance test.none '{}')
	reaches waiting 1
	[[ $(state_of maintenance "$kept") == waiting ]] || bad "a paused queue went on"
	[[ $(script 'return document.activeElement.getAttribute("aria-label")') == 'Resume: maintenance' ]] ||
		bad "the button lost the focus"
	press Space
	sees '#said' 'maintenance goes on'
	reaches completed 21
	[[ $(state_of maintenance "$kept") == completed ]] || bad "the queue does not go on"
}

check_limits() {
	click "$row button[aria-label^=Limits]"
	script "document.getElementById('limit-concurrency').value = ''" >/dev/null
	type_into '#limit-concurrency' 2
	press Enter
	sees '#said' '2 at once'
	[[ $(api GET /queues | jq -c '.data[] | select(.name == "maintenance").limits.concurrency') == 2 ]] ||
		bad "the limit was not set"
}

# ---- a failed job

check_failed() {
	local id
	id=$(add_job maintenance test.fail '{"times":9}')
	click 'nav a[href="#jobs"]'
	sees '#job-rows' test.fail
	fits "the jobs"
	click '#job-rows a'
	sees '#job-facts' 'failed'
	fits "a job"
	sees '#job-facts' '3 of 3'
	sees '#text-error' 'told to fail'
	sees '#job-logs' 'told to fail'
	sees '#text-data' '"times": 9'

	api POST /queues/maintenance/pause >/dev/null
	click '#job-retry'
	press Escape
	[[ $(state_of maintenance "$id") == failed ]] || bad "it was retried without a yes"
	click '#job-retry'
	click '#confirm-yes'
	sees '#job-facts' waiting
	sees '#said' 'waits again'
	[[ $(state_of maintenance "$id") == waiting ]] || bad "it was not retried"
	click '#job-cancel'
	click '#confirm-yes'
	sees '#job-facts' cancelled
	click '#job-remove'
	press Tab Enter # the first button is No
	sees '#said' 'was removed'
	sees '#job-count' 'No job is cancelled'
	view "#job?queue=maintenance&id=$id"
	sees '#away' 'not there (any more)'
	api POST /queues/maintenance/resume >/dev/null
}

# Payloads, names and what is said about them would all like to be a script.
check_hostile() {
	local wish='<script>window.taken = 1</script><img src=x onerror="window.taken = 1">\u202e'
	add_job email "<b>name</b>" "$(jq -nc --arg w "$wish" '{($w): [$w]}')" >/dev/null
	view '#jobs?state=waiting&queue=email'
	sees '#job-rows' '<b>name</b>'
	click '#job-rows a'
	sees '#text-data' '<script>window.taken = 1</script><img'
	add_job maintenance test.none "$(jq -nc --arg w "$wish" '{($w): 1}')" >/dev/null
	view '#jobs?state=failed&queue=maintenance'
	sees '#job-rows' '<script>window.taken'
	click '#job-rows a'
	sees '#text-error' '<script>window.taken'
	[[ $(script "return document.querySelectorAll('main script, main img, main b').length + ' ' + window.taken") == '0 undefined' ]] ||
		bad "a text became markup"
	click '#job-remove'
	click '#confirm-yes'
	sees '#said' 'was removed'
}

# Progress and log lines of a job that runs, and its end from here.
check_running() {
	local id
	id=$(add_job maintenance test.talk '{"times":200,"ms":100}')
	view "#job?queue=maintenance&id=$id"
	sees '#job-progress-text' '% under way'
	sees '#job-logs' 'step 2 of'
	[[ $(script 'return document.getElementById("job-remove").disabled') == true ]] || bad "a running job can be removed"
	click '#job-cancel'
	click '#confirm-yes'
	sees '#job-facts' cancelled
	[[ $(state_of maintenance "$id") == cancelled ]] || bad "it was not cancelled"
}

check_many() {
	local i
	for ((i = 0; i < 3; i++)); do
		add_job maintenance test.fail '{"times":9}' >/dev/null
	done
	click 'nav a[href="#queues"]'
	reaches failed 3
	click "$row button[aria-label^=Pause]"
	sees "$row .mark:not([hidden])" paused
	click "$row button[aria-label^=Retry]"
	click '#confirm-yes'
	sees '#said' '3 failed jobs of maintenance wait again.'
	reaches waiting 3
	click "$row button[aria-label^=Drain]"
	click '#confirm-yes'
	sees '#said' 'jobs were removed from maintenance'
	[[ $(api GET '/jobs?queue=maintenance&state=waiting' | jq '[.data[] | select(.name == "test.fail")] | length') == 0 ]] ||
		bad "waiting jobs are still there"
	click "$row button[aria-label^=Resume]"
	sees '#said' 'goes on'
}

# ---- schedules

plans() { # jobs that github-nightly made
	tools/stack psql "$work/stack" -qAt -c "select count(*) from outbox where name = 'nightly-plan'"
}

check_schedules() {
	local before
	click 'nav a[href="#schedules"]'
	sees '#schedule-rows tr[data-key=github-nightly]' '0 2 * * * (UTC)'
	sees '#schedule-rows tr[data-key=github-nightly]' ' 02:00:00'
	fits "the schedules"
	wait_for "none is overdue" "return document.querySelectorAll('#schedule-rows .warn').length + ' late'" '0 late'
	before=$(plans)
	click '#schedule-rows tr[data-key=github-nightly] button'
	sees '#said' 'github-nightly runs now'
	(($(plans) == before + 1)) || bad "no job was made"
	sees '#schedule-rows tr[data-key=github-nightly]' 'run by hand'
	stack stop-part "$work/stack" scheduler
	tools/stack psql "$work/stack" -q -c "delete from cron_slot where name = 'github-nightly'"
	sees '#schedule-rows .warn' overdue
	stack start-part "$work/stack" scheduler
}

# ---- every field and button has a name

check_labels() { # as a screen reader is told
	local nameless
	nameless=$(wire POST "$at/goog/cdp/execute" '{"cmd": "Accessibility.getFullAXTree", "params": {}}' | jq -c '
		["button", "link", "textbox", "combobox", "checkbox", "spinbutton", "progressbar", "region"] as $named |
		[.value.nodes[] | select(.ignored | not)] | if length < 10 then error("no tree") else .[] end |
		select((.role.value | IN($named[])) and (.name.value // "") == "") | .role.value')
	[[ -z $nameless ]] || bad "without a name: $nameless"
}

# ---- trouble

asked() { # how often the page asked for the queues; nginx writes its log once a second
	sleep 1.2
	grep -c '"path":"/api/v1/admin/queues"' "$work/stack/log/nginx/access.log" || true
}

check_trouble() {
	local before after other
	view '#queues'
	sees "$row" maintenance
	stack stop-part "$work/stack" redis
	sees '#away' 'is away: Redis'
	stack start-part "$work/stack" redis
	wait_for "Redis is back" "return document.getElementById('away').textContent + document.getElementById('state').textContent" \
		'up to date'

	# One request in ten seconds is allowed: it asks when it may, not each second.
	stack start "$work/stack" --set RATE_READ=6
	stack restart-part "$work/stack" api-all
	sees '#away' 'Too many requests'
	sees '#state' 'next try in'
	before=$(asked)
	sleep 4
	after=$(asked)
	((after - before <= 2)) || bad "it asked $((after - before)) times while told to wait"
	stack start "$work/stack" --set RATE_READ=
	stack restart-part "$work/stack" api-all
	sees '#state' 'up to date'

	# Nobody looks: nothing is asked.
	other=$(wire POST "$at/window/new" '{"type": "tab"}' | jq -r .value.handle)
	local page
	page=$(wire GET "$at/window" | jq -r .value)
	wire POST "$at/window" "{\"handle\": \"$other\"}" >/dev/null
	before=$(asked)
	sleep 2
	after=$(asked)
	((after == before)) || bad "a hidden page asked $((after - before)) times"
	wire DELETE "$at/window" >/dev/null
	wire POST "$at/window" "{\"handle\": \"$page\"}" >/dev/null
	sees '#state' 'up to date'
}

check_end() {
	click '#sign-out'
	[[ $(script "return sessionStorage.length + document.querySelectorAll('tbody tr, dd, pre').length") == 0 ]] ||
		bad "something stayed after signing out"
	sign_in "$(tools/stack ctl "$work/stack" token ops --seconds 5)"
	sees "$row" maintenance
	view '#schedules'
	sees '#wrong' 'Token expired'
	sign_in "$ops"
	sees '#schedule-rows' github-nightly
}

stack start "$work/stack" --build build/san --fsync off --set FAILPOINTS=on
eval "$(tools/stack env "$work/stack")"
ops=$(tools/stack ctl "$work/stack" token ops --create --admin)
bob=$(tools/stack ctl "$work/stack" token bob --create)

check_files
browser_start
check_icon
check_strangers
check_labels
check_queues
check_limits
check_failed
check_hostile
check_labels
check_many
check_running
check_schedules
check_labels
check_trouble
check_end
# Refused requests are in the console by the browser's doing; errors of the page must not be.
said=$(browser_log | jq -c 'select(.source != "network")')
[[ -z $said ]] || bad "the console has $said"
echo "the operators' page showed it"
