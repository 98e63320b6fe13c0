#!/usr/bin/env bash
# canaries: tools/test calls each program of tests/canary a failure, for the right reason and
# in time; else no other verdict of it is worth anything. The last line says what it missed.
# long: 25 s
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

missed=0

miss() {
	echo "$*"
	missed=$((missed + 1))
}

# The canary, what the closing line must be, and what its reason must hold.
rows='
beside.sh|1 passed, 0 failed, 0 skipped|ok   canary/beside.sh
crash.c|0 passed, 1 failed, 0 skipped|CRASH
early.c|0 passed, 1 failed, 0 skipped|canary::early left before its end
empty.c|0 passed, 1 failed, 1 skipped|off without a reason
freed.c|0 passed, 1 failed, 0 skipped|heap-use-after-free
hang.c|0 passed, 1 failed, 0 skipped|Timed out
hang.sh|0 passed, 1 failed, 0 skipped|did not end within its time
hang_outside.c|0 passed, 1 failed, 0 skipped|did not end within its time
leak.c|0 passed, 1 failed, 0 skipped|64 byte(s) leaked
left.sh|1 passed, 0 failed, 0 skipped|ok   canary/left.sh
meet.sh|0 passed, 1 failed, 0 skipped|nobody came
report.sh|0 passed, 1 failed, 0 skipped|a sanitizer reported
silent.c|0 passed, 1 failed, 0 skipped|ran no test
skipped.sh|0 passed, 0 failed, 1 skipped|skip canary/skipped.sh: the reason of the skipped script
solo.sh|1 passed, 0 failed, 0 skipped|ok   canary/solo.sh
undefined.c|0 passed, 1 failed, 0 skipped|signed integer overflow
undefined_child.c|0 passed, 1 failed, 0 skipped|signed integer overflow
well.c|2 passed, 0 failed, 1 skipped|canary::skipped: the reason of the skipped one
wrong.c|0 passed, 1 failed, 0 skipped|one is not two
wrong.sh|0 passed, 1 failed, 0 skipped|the last words of the failing one
'

check_row() { # CANARY LINE REASON
	local output code want=1 limits=()
	[[ $1 != hang* ]] || limits=(--test-seconds 1 --program-seconds 3)
	output=$(timeout 60 tools/test --no-install "${limits[@]}" "tests/canary/$1" 2>&1)
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

check_all_stand_here
while IFS='|' read -r canary line reason; do
	[[ -z $canary ]] || check_row "$canary" "$line" "$reason"
done <<<"$rows"
echo "$missed missed"
((missed == 0))
