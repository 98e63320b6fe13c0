#!/usr/bin/env bash
# stack-processes: which processes belong to a stack, how they start and how one waits for them.
# Sourced by tools/stack, whose variables it uses.
# shellcheck disable=SC2154 # dir, run, as_user and the rest are tools/stack's

# run/NAME.pid holds "PID START", so a number used again is not ours

start_of() { # the kernel's start time of a live process
	local stat
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
	# shellcheck disable=SC2206 # words are wanted; the command's name is cut off
	stat=(${stat##*) })
	[[ ${stat[0]} != Z ]] && echo "${stat[19]}"
}

pid_of() { # of a part that runs
	local pid start
	read -r pid start 2>/dev/null <"$run/$1.pid" || return 1
	[[ -n $start && $(start_of "$pid") == "$start" ]] && echo "$pid"
}

# What a killed master left in its process group (nginx's workers keep the port).
kill_orphans() {
	local pid start try
	read -r pid start 2>/dev/null <"$run/$1.pid" || return 0
	start_of "$pid" >/dev/null && return 0
	for ((try = 0; try < 100; try++)); do
		kill -KILL -- "-$pid" 2>/dev/null || return 0
		group_lives "$pid" || return 0
		sleep 0.05
	done
}

group_lives() { # zombies, which nobody may ever reap in a container, don't count
	local name stat
	for name in /proc/[0-9]*/stat; do
		{ read -r stat <"$name"; } 2>/dev/null || continue
		# shellcheck disable=SC2206
		stat=(${stat##*) })
		[[ ${stat[2]} == "$1" && ${stat[0]} != Z ]] && return 0
	done
	return 1
}

# A DATABASE_URL of the caller's must not get in; what instruments a program may.
clean_environment() {
	local variable keep=()
	for variable in ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS TSAN_OPTIONS LLVM_PROFILE_FILE \
		GCOV_PREFIX LD_PRELOAD FAKETIME_TIMESTAMP_FILE; do
		[[ -z ${!variable:-} ]] || keep+=("$variable=${!variable}")
	done
	exec env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TZ=UTC "${keep[@]}" "$@"
}

# launch NAME COMMAND...: in a session and process group of its own
launch() {
	local name=$1 pid
	shift
	(cd / && clean_environment setsid "${as_user[@]}" "$@") </dev/null >>"$dir/log/$name.log" 2>&1 9>&- &
	pid=$!
	echo "$pid $(start_of "$pid" || true)" >"$run/$name.pid"
}

# wait_for SECONDS NAME TEST...: until the test holds; fails at once when the part died.
wait_for() {
	local seconds=$1 name=$2 end
	shift 2
	end=$((SECONDS + seconds))
	until "$@" >/dev/null 2>&1; do
		pid_of "$name" >/dev/null || return 1
		((SECONDS < end)) || return 1
		sleep 0.05
	done
}
