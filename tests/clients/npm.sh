#!/usr/bin/env bash
# npm: programs of others that test scripts run beside ours. Sourced: install_packages keeps them
# outside of the tree; what is put into pids ends with the test, and so does the folder $work
# that npm_begin makes.

skip() {
	echo "$*"
	exit 77
}

# FOLDER PACKAGE…: only the first run needs the registry. Sets NPM_DIR.
install_packages() {
	local packages="${*:2}"
	command -v npm >/dev/null || skip "npm is not installed"
	NPM_DIR=${CODEGRAM_NPM_DIR:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/codegram}/$1
	export NPM_DIR
	mkdir -p "$NPM_DIR"
	(
		flock -w 280 9
		[[ $(cat "$NPM_DIR/installed" 2>/dev/null) == "$packages" ]] && exit 0
		cd "$NPM_DIR"
		[[ -f package.json ]] || echo '{"private": true}' >package.json
		# where no network is, npm would try for many minutes
		timeout 300 npm install --no-audit --no-fund --ignore-scripts --fetch-retries=1 \
			--fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=5000 --fetch-timeout=60000 \
			"${@:2}" >npm.log 2>&1 </dev/null || exit 1
		echo "$packages" >installed
	) 9>"$NPM_DIR/lock" ||
		skip "npm can't be reached: $(grep -m 1 -i error "$NPM_DIR/npm.log" || tail -n 1 "$NPM_DIR/npm.log")"
}

pids=()
npm_begin() {
	work=$(mktemp -d)
	trap npm_end EXIT
}

npm_end() {
	((!${#pids[@]})) || kill "${pids[@]}" 2>/dev/null || true
	wait 2>/dev/null || true
	rm -rf "$work"
}

bad() {
	echo "$(basename "$0" .sh): $*" >&2
	exit 1
}

wait_for() { # SECONDS TEST...
	local turn
	for ((turn = 0; turn < $1 * 10; turn++)); do
		"${@:2}" && return 0
		sleep 0.1
	done
	return 1
}
