#!/usr/bin/env bash
# at_once: tools/test runs programs beside each other without mixing up what they say or whom it
# blames, leaves nothing beside one that must be alone, and ends all that was started, whether a
# program ends well, hangs or the run is interrupted.
# long: 25 s
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

missed=0 folder=''
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

miss() {
	echo "$*"
	missed=$((missed + 1))
}

run() { # OPTION|CANARY...: sets output
	folder=$(mktemp -d "$work/XXXXXX")
	output=$(CANARY_FOLDER=$folder timeout 60 tools/test --no-install "${@/#canary/tests/canary}" 2>&1)
}

closes_with() { # LINE
	[[ ${output##*$'\n'} == "$1" ]] || miss "not '$1' but: $output"
}

lives() { # PID; a zombie, which nobody may ever reap in a container, does not
	local stat
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
	stat=${stat##*) }
	[[ ${stat:0:1} != Z ]]
}

all_gone() { # PROGRAMS: as many had started, and neither they nor their daemons nor folders are there
	local program daemon tmp count=0
	while read -r program daemon tmp; do
		count=$((count + 1))
		! lives "$program" || miss "the program $program is still there"
		! lives "$daemon" || miss "its daemon $daemon is still there"
		[[ ! -e ${tmp%/*/tmp} ]] || miss "${tmp%/*/tmp} is still there"
	done <"$folder/started"
	((count == $1)) || miss "$count programs started, not $1"
}

# ---- what holds

check_two_at_once() {
	run --jobs 2 canary/meet.sh canary/meet.sh
	closes_with '1 passed, 1 failed, 0 skipped'
	[[ $(grep -c '^FAIL canary/meet.sh: a sanitizer reported$' <<<"$output") == 1 ]] ||
		miss "not one was blamed: $output"
	run --jobs 1 canary/meet.sh
	closes_with '0 passed, 1 failed, 0 skipped'
}

check_real_leak() { # the one beside it is not blamed, and nobody's words are mixed
	run --jobs 3 canary/leak.c canary/well.c canary/wrong.sh
	closes_with '2 passed, 2 failed, 1 skipped'
	[[ $output == *'FAIL canary/leak: a sanitizer reported'* ]] || miss "the leak was missed: $output"
	[[ $output == *$'the last words of the failing one\nFAIL canary/wrong.sh: '* ]] ||
		miss "words are mixed: $output"
}

check_alone() {
	local line before=''
	run --jobs 3 canary/solo.sh canary/beside.sh canary/beside.sh canary/solo.sh canary/beside.sh
	closes_with '5 passed, 0 failed, 0 skipped'
	while read -r line; do
		if [[ $before == 'began alone' || $line == 'ended alone' ]]; then
			[[ $before/$line == 'began alone/ended alone' ]] || miss "it was not alone: $(<"$folder/diary")"
		fi
		before=$line
	done <"$folder/diary"
	[[ $(head -n 2 "$folder/diary" | grep -c began) == 2 ]] || miss "none ran beside another one"
	[[ $before == 'ended alone' ]] || miss "who must be alone did not wait"
}

check_nothing_left() {
	run canary/left.sh
	closes_with '1 passed, 0 failed, 0 skipped'
	all_gone 1
	run --program-seconds 1 canary/hang.sh
	closes_with '0 passed, 1 failed, 0 skipped'
	all_gone 1
}

check_interrupt() { # SIGNAL
	local runner tries
	folder=$(mktemp -d "$work/XXXXXX")
	CANARY_FOLDER=$folder env --default-signal=INT tools/test --no-install --jobs 2 \
		tests/canary/{hang,hang,left}.sh >/dev/null 2>&1 &
	runner=$!
	for ((tries = 0; tries < 300; tries++)); do
		[[ -s $folder/started && $(wc -l <"$folder/started") == 2 ]] && break
		sleep 0.1
	done
	kill -s "$1" "$runner"
	timeout 20 tail --pid="$runner" -f /dev/null || miss "$1: the runner goes on"
	wait "$runner"
	all_gone 2
}

check_two_at_once
check_real_leak
check_alone
check_nothing_left
check_interrupt INT
check_interrupt TERM
echo "$missed missed"
((missed == 0))
