#!/usr/bin/env bash
# document: does what the operators' document says, word by word: a block of commands below a line
# <!-- step: NAME --> is a step; (what it needs) behind the name keeps it from being done.
# Sourced by tests that have a machine (machine.sh).
# shellcheck disable=SC2154 # root and work are machine.sh's

document=${DOCUMENT:-systemd/README.md}

steps() { # the names, in the document's order
	sed -nE 's/^<!-- step: ([a-z0-9-]+) -->$/\1/p' "$document"
}

step_text() { # NAME
	awk -v want="$1" '
		/^<!-- step: / { name = $3; next }
		/^```/ { inside = /^```sh$/ && !inside; next }
		inside && name == want' "$document"
}

# take_step NAME [FILTER...]: as root in the checkout, with the document's values set; what the filter
# leaves of it. What it says is in $work/said.
take_step() {
	local name=$1
	shift
	(($#)) || set -- cat
	[[ -n $(step_text "$name") ]] || bad "$document has no step $name"
	{
		step_text values
		step_text "$name" | "$@"
	} >"$root/root/.step"
	taken[$name]=yes
	machine bash -euo pipefail -c 'cd /root/codegram; source /root/.step' >"$work/said" 2>&1 || {
		cat "$root/root/.step" "$work/said"
		echo "the step $name of $document went wrong"
		return 1
	}
}

step() { # NAME: without which there is nothing more to see
	local began=$EPOCHREALTIME
	take_step "$1" || bad 'nothing can follow'
	row "step $1" "$(since "$began") s"
}

all_taken() {
	local name left=()
	for name in $(steps); do
		[[ -n ${taken[$name]:-} ]] || left+=("$name")
	done
	echo "${left[*]:-each}"
	((${#left[@]} == 0))
}

since() {
	awk -v from="$1" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f", to - from }'
}

# ---- the table of what was found, also in build/, for who wants it of a run that passed

declare -A taken=([values]=yes)
missed=0 table=build/${0##*/}.table

row() { # WHAT FOUND
	printf '%-40s %.160s\n' "$1" "$2" | tee -a "$table"
}

miss() {
	row "$1" "${2:-} *** WRONG"
	missed=$((missed + 1))
}

# see WHAT COMMAND...: it must succeed; what it says last is what was found
see() {
	local what=$1 said
	shift
	if said=$("$@" 2>&1); then
		row "$what" "${said##*$'\n'}"
	else
		echo "$said"
		miss "$what" "${said##*$'\n'}"
	fi
}
