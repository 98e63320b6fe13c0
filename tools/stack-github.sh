#!/usr/bin/env bash
# stack-github: which GitHub a stack of tools/stack speaks to: the stand-in (tests/github/), a
# part of the stack on a port of the loopback, or with --github real the one that the
# environment names. Sourced by tools/stack, whose variables it uses.
# shellcheck disable=SC2154 # dir, root, run, build and the rest are tools/stack's

stand_in_id=codegram-stand-in

choose_github() { # before the configuration is written
	if [[ $github == real ]]; then
		stop_part github
		return
	fi
	! pid_of github >/dev/null || return 0
	until [[ -n $github_port ]] && ! port_taken "$github_port"; do
		github_port=$((port_from + RANDOM % port_span))
	done
	remember
}

# The lines of codegram.conf; $1 is the one of before, which keeps what was made once.
github_lines() {
	local key line
	line=$(grep -m 1 '^SEAL_KEY=' <<<"$1") || line=SEAL_KEY=$(random_key)
	echo "$line"
	echo "PUBLIC_URL=$(public_url)"
	if [[ $github == real ]]; then
		grep -q "^GITHUB_CLIENT_ID=$stand_in_id\$" <<<"$1" && set -- ''
		for key in GITHUB_CLIENT_ID GITHUB_CLIENT_SECRET GITHUB_WEBHOOK_SECRET GITHUB_URL GITHUB_API_URL; do
			if [[ -n ${!key:-} ]]; then
				echo "$key=${!key}"
			else
				grep -m 1 "^$key=" <<<"$1" || true
			fi
		done
		return
	fi
	# As on GitHub Enterprise: so it is proven that the API may lie below a path.
	echo "GITHUB_URL=http://127.0.0.1:$github_port"
	echo "GITHUB_API_URL=http://127.0.0.1:$github_port/api/v3"
	echo "GITHUB_CLIENT_ID=$stand_in_id"
	grep -q "^GITHUB_CLIENT_ID=$stand_in_id\$" <<<"$1" || set -- ''
	for key in GITHUB_CLIENT_SECRET GITHUB_WEBHOOK_SECRET; do
		grep -m 1 "^$key=" <<<"$1" || echo "$key=$(random_key)"
	done
}

random_key() {
	od -An -tx1 -N32 /dev/urandom | tr -d ' \n'
}

public_url() {
	echo "http://$([[ $bind == 0.0.0.0 ]] && echo 127.0.0.1 || echo "$bind"):$picked_port"
}

# What happened there (sign-ins, changes) is in its journal, so it starts again as it was. The
# port can be taken between the look and the bind: then another one.
start_github() {
	local turn
	[[ $github == stand-in ]] || die "this stack uses the real GitHub"
	need_build github-stand-in
	own_folder "$dir/github" 0700
	for ((turn = 0; turn < 3; turn++)); do
		rm -f "$run/github.url"
		launch github "$build/bin/github-stand-in" --listen "127.0.0.1:$github_port" \
			--config "$dir/codegram.conf" --seed "$root/tests/github/seed.json" \
			--journal "$dir/github/journal" --ready "$run/github.url"
		wait_for 60 github test -s "$run/github.url" && return 0
		tail -n 3 "$dir/log/github.log" | grep -q 'Address already in use' || break
		choose_github
		write_configuration
	done
	failed github
}
