#!/usr/bin/env bash
# canaries: tools/test calls each program of tests/canary a failure, for the right reason and
# in time; else no other verdict of it is worth anything. The last line says what it missed.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

missed=0

miss() {
	echo "$*"
	missed=$((missed + 1))
}

# The canary, what the closing line must be, and what its reason must hold.
rows='
crash.c|0 passed, 1 failed, 0 skipped|CRASH
early.c|0 passed, 1 failed, 0 skipped|canary::early left before its end
empty.c|0 passed, 1 failed, 1 skipped|off without a reason
freed.c|0 passed, 1 failed, 0 skipped|heap-use-after-free
hang.c|0 passed, 1 failed, 0 skipped|Timed out
hang.sh|0 passed, 1 failed, 0 skipped|did not end within its time
hang_outside.c|0 passed, 1 failed, 0 skipped|did not end within its time
leak.c|0 passed, 1 failed, 0 skipped|64 byte(s) leaked
report.sh|0 passed, 1 failed, 0 skipped|a sanitizer reported
silent.c|0 passed, 1 failed, 0 skipped|ran no test
skipped.sh|0 passed, 0 failed, 1 skipped|skip canary/skipped.sh: the reason of the skipped script
undefined.c|0 passed, 1 failed, 0 skipped|signed integer overflow
undefined_child.c|0 passed, 1 failed, 0 skipped|signed integer overflow
well.c|2 passed, 0 failed, 1 skipped|canary::skipped: the reason of the skipped one
wrong.c|0 passed, 1 failed, 0 skipped|one is not two
wrong.sh|0 passed, 1 failed, 0 skipped|the last words of the failing one
'

check_row() { # CANARY LINE REASON
	local output code want=1
	output=$(timeout 30 tools/test --no-install --test-seconds 1 --program-seconds 3 "tests/canary/$1" 2>&1)
	code=$?
	[[ $2 != *' 0 failed'* ]] || want=0
	((code == want)) || miss "$1: exit code $code, not $want"
	[[ ${output##*$'\n'} == "$2" ]] || miss "$1: it closes with: ${output##*$'\n'}"
	[[ $output == *"$3"* ]] || miss "$1: the output does not say: $3"
}

check_all_stand_here() {
	local file
	for file in tests/canary/*; do
		[[ $rows == *$'\n'"${file##*/}|"* ]] || miss "$file is not in the rows of this test"
	done
}

folders_of() { # that the runner PID uses
	grep -zs '^TEST_ENDED=' "/proc/$1/environ" | tr -d '\0' | sed 's/^TEST_ENDED=//; s|/ended$||'
}

# An interrupted run takes its program and its folder with it.
check_interrupt() {
	local runner folder='' program tries
	env --default-signal=INT tools/test --no-install tests/canary/hang.sh >/dev/null 2>&1 &
	runner=$!
	for ((tries = 0; tries < 300; tries++)); do
		program=$(pgrep -P "$runner" timeout) && folder=$(folders_of "$program") && [[ -n $folder ]] && break
		sleep 0.1
	done
	[[ -d $folder ]] || miss "interrupt: the runner never started its program"
	sleep 0.3 # now the script is deaf to SIGTERM
	kill -INT "$runner"
	timeout 20 tail --pid="$runner" -f /dev/null || miss "interrupt: the runner goes on"
	wait "$runner"
	[[ ! -e $folder ]] || miss "interrupt: $folder is still there"
	# zombies, which nobody may ever reap in a container, don't count
	[[ -z $(pgrep -g "$program" -r R,S,D) ]] || miss "interrupt: the program is still there"
}

check_all_stand_here
while IFS='|' read -r canary line reason; do
	[[ -z $canary ]] || check_row "$canary" "$line" "$reason"
done <<<"$rows"
check_interrupt
echo "$missed missed"
((missed == 0))
