#!/usr/bin/env bash
# meet: canary. Ends well only where two of them run at once; then a sanitizer's report comes
# to the first one, while the second one still runs.
wait_for() {
	local turn
	for ((turn = 0; turn < 200; turn++)); do
		[[ ! -e $CANARY_FOLDER/$1 ]] || return 0
		sleep 0.05
	done
	alone
}

alone() {
	echo "nobody came"
	exit 1
}

[[ -n ${CANARY_FOLDER:-} ]] || alone
if mkdir "$CANARY_FOLDER/first" 2>/dev/null; then
	wait_for second
	options=${ASAN_OPTIONS#*log_path=}
	echo "ERROR: AddressSanitizer: made up" >"${options%%:*}.1"
	touch "$CANARY_FOLDER/reported"
else
	touch "$CANARY_FOLDER/second"
	wait_for reported
fi
