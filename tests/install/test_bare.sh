#!/usr/bin/env bash
# bare: a Debian with git and nothing more becomes one that runs CodeGram and its tests, by what
# tools/packages names. CODEGRAM_BARE=whole runs all of tools/test there.
# long: 300 s
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=tests/install/machine.sh
source tests/install/machine.sh
if [[ -z ${CODEGRAM_LONG:-}${CODEGRAM_BARE:-} ]]; then
	skip "installs all packages and builds, which takes minutes: CODEGRAM_LONG=1 does it"
fi
machine_alone "$@"

layer bare
machine_open
source_of "$root/root/source"

# say NAME COMMAND...: a line of the table; the machine's output when it went wrong
say() {
	local name=$1 began=$EPOCHREALTIME
	shift
	machine_do "$@" >"$work/said" 2>&1 || {
		tail -n 60 "$work/said"
		bad "$name went wrong"
	}
	printf '%-44s %6.1f s  %s\n' "$name" "$(awk -v from="$began" -v to="$EPOCHREALTIME" 'BEGIN { print to - from }')" \
		"$(tail -n 1 "$work/said")"
}

say 'git clone' git clone -q /root/source /root/codegram
say 'tools/up' bash -c 'cd /root/codegram && tools/up && tools/down'
say 'tools/test lint' bash -c 'cd /root/codegram && tools/test lint'
# Ports are this network's own from here on; nothing more is fetched.
short=(tests/unit/base/test_arena.c tests/sql/test_statements.c tests/http/test_01_snippet.c
	tests/relay/test_01_live.c tests/install/test_install.sh)
[[ ${CODEGRAM_BARE:-} != whole ]] || short=()
say "tools/test ${short[*]:-(all)}" --private-network bash -c 'cd /root/codegram && tools/test "$@"' - "${short[@]}"
