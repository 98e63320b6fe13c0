#!/usr/bin/env bash
# machine: a Debian 12 of its own for a test. Its files are made once and kept as layers in a
# cache; a run writes into a layer of its own, in a mount namespace that ends with the script.
# Sourced by tests/install/test_*.sh. Changes nothing of the machine it runs on but that cache.

cache=${XDG_CACHE_HOME:-/var/cache}/codegram-tests
suite=bookworm
layers='' work='' root='' leader=0 nspawn=0 state='' load='' container=()

skip() {
	echo "$*"
	exit 77
}

bad() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# machine_alone ARGUMENT...: the script once more, in a mount namespace of its own.
machine_alone() {
	local command
	if [[ -n ${CODEGRAM_MACHINE:-} ]]; then
		mkdir -p /run/systemd/nspawn && mount -t tmpfs machine /run/systemd/nspawn # what it keeps goes, too
		return
	fi
	((EUID == 0)) || skip "wants root, which alone can make a Debian"
	for command in debootstrap systemd-nspawn nsenter; do
		command -v "$command" >/dev/null || skip "$command is not installed"
	done
	unshare -m true 2>/dev/null || skip "namespaces are not allowed here"
	# As in a container: a root that may not make devices can't make a Debian.
	command=$(mktemp -u)
	mknod "$command" c 1 3 2>/dev/null || skip "devices are not allowed here"
	rm -f "$command"
	CODEGRAM_MACHINE=yes exec unshare -m --propagation private "$0" "$@"
}

# ---- layers

# apt's words for where packages come from, as this machine has them
copy_sources() { # ROOT
	rm -f "$1/etc/apt/sources.list"
	cp -r /etc/apt/sources.list* /etc/apt/trusted.gpg.d /etc/apt/keyrings /etc/apt/auth.conf.d "$1/etc/apt/" 2>/dev/null
	apt-config dump | grep -E '^Acquire::([a-z]+::Proxy|Check-|[a-z]+::Verify)' >"$1/etc/apt/apt.conf.d/90machine"
	printf 'APT::Install-Recommends "false";\nDpkg::Use-Pty "0";\n' >>"$1/etc/apt/apt.conf.d/90machine"
	printf 'force-unsafe-io\n' >"$1/etc/dpkg/dpkg.cfg.d/machine" # it lives for minutes
	cp --remove-destination "$(readlink -f /etc/resolv.conf)" "$1/etc/resolv.conf"
}

mirror() {
	apt-cache policy | sed -nE 's|^ *[0-9]+ ([a-z]+://[^ ]+) '"$suite"'/main .*|\1|p' | head -n 1
}

packages_of() { # SECTION...
	local section package _
	while read -r section package _; do
		[[ " $* " != *" $section "* ]] || echo "$package"
	done < <(grep -v '^ *\(#\|$\)' tools/packages)
}

# What a machine has that somebody installed with as little as can be, and git; and beside it, not
# installed, what is wanted later, so that a run fetches nothing.
layer_bare() { # ROOT
	debootstrap --variant=minbase --include=git "$suite" "$1" "$(mirror)" || return 1
	copy_sources "$1"
	# shellcheck disable=SC2046 # words are wanted
	chroot "$1" apt-get -q update && chroot "$1" apt-get -q install -y --download-only \
		systemd systemd-sysv dbus udev curl openssl $(packages_of run build test demo)
}

# quietly ROOT COMMAND...: in there, starting no service
quietly() {
	local at=$1 code
	shift
	printf '#!/bin/sh\nexit 101\n' >"$at/usr/sbin/policy-rc.d"
	chmod 0755 "$at/usr/sbin/policy-rc.d"
	DEBIAN_FRONTEND=noninteractive chroot "$at" "$@"
	code=$?
	rm "$at/usr/sbin/policy-rc.d"
	return "$code"
}

# A bare machine that boots.
layer_boots() { # ROOT
	quietly "$1" apt-get -q install -y systemd systemd-sysv dbus udev || return 1
	echo machine >"$1/etc/hostname"
}

# One where what the operators' document installs, and what building wants, is installed already: so
# that these steps find nothing to do.
layer_ready() { # ROOT
	# shellcheck disable=SC2046 # words are wanted
	quietly "$1" apt-get -q install -y $(packages_of run build)
	mkdir -p "$1/root/codegram/tools"
	cp tools/packages "$1/root/codegram/tools/"
	step_text packages >"$1/root/.step"
	quietly "$1" bash -euc 'cd /root/codegram; source /root/.step' || return 1
	rm -r "$1/root/codegram"
}

# layer NAME: puts its folder on top of layers, and makes it when it is not there. Its name holds what
# it was made of: the function above, the list of packages, and the layers below.
layer() {
	local name=$1 made
	made=$(declare -f copy_sources "layer_$name" | cat - <(grep -v '^#' tools/packages) <(echo "$layers") \
		<([[ $name != ready ]] || step_text packages) | sha256sum)
	made=$cache/$name-${made:0:16}
	if [[ ! -d $made ]]; then
		[[ -n ${CODEGRAM_LONG:-} ]] || skip "$made is not there, and takes minutes: CODEGRAM_LONG=1 makes it"
		mkdir -p "$cache"
		exec 8>"$cache/lock"
		flock 8
		[[ -d $made ]] || make_layer "$name" "$made"
		exec 8>&-
	fi
	layers=$made${layers:+:$layers}
}

make_layer() { # NAME FOLDER
	local part=$cache/.$1
	echo "making $2..."
	rm -rf "$part"
	mkdir -p "$part"/{up,wk,root}
	if [[ -n $layers ]]; then
		mount -t overlay overlay -o "lowerdir=$layers,upperdir=$part/up,workdir=$part/wk" "$part/root" ||
			skip "overlay can't be mounted in $cache"
	else
		mount --bind "$part/up" "$part/root" || skip "mounting is not allowed here"
	fi
	"layer_$1" "$part/root" >"$part/log" 2>&1 8>&- || {
		tail -n 20 "$part/log"
		umount "$part/root"
		grep -q -E "Couldn't download|Temporary failure|Unable to (fetch|connect)" "$part/log" &&
			skip "no packages come from $(mirror)"
		bad "the layer $1 can't be made; see $part/log"
	}
	umount "$part/root"
	# Those before it were made of what is no longer so.
	flock -n "$cache/used" rm -rf "${2%-*}"-*
	mv "$part/up" "$2"
	rm -rf "$part"
}

# ---- a run

# machine_open: sets root, the files of a run on the layers
machine_open() {
	local files
	exec 8>>"$cache/used"
	flock -s 8 # its layers stay
	work=$(mktemp -d)
	trap machine_close EXIT
	trap 'exit 143' TERM INT
	# In memory when there is enough: quicker, and gone at once.
	if (($(awk '/^MemAvailable/ { print $2 }' /proc/meminfo) > 8 * 1024 * 1024)); then
		mount -t tmpfs -o mode=0755 machine "$work"
	fi
	files=lowerdir=$layers,upperdir=$work/up,workdir=$work/wk
	mkdir -p "$work"/{up,wk,root}
	# An overlay's upper layer can't be on an overlay, as a container's own files often are.
	mount -t overlay overlay -o "$files" "$work/root" 2>/dev/null || {
		mount -t tmpfs -o mode=0755 machine "$work" && mkdir "$work"/{up,wk,root} &&
			mount -t overlay overlay -o "$files" "$work/root"
	} || skip "overlay can't be mounted here"
	root=$work/root
	printf '%s localhost\n' 127.0.0.1 ::1 >"$root/etc/hosts" # as Debian's installer does
	export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 # else it lacks address filters
	container=(systemd-nspawn --quiet --register=no --keep-unit --resolv-conf=off --timezone=off
		--machine="machine-$$" --capability=all --system-call-filter=bpf -D "$root")
	# Should this be killed, tools/test finds what is left by that.
	[[ -z ${TEST_ENDED:-} ]] || container+=(--setenv="TEST_ENDED=$TEST_ENDED")
	cp --remove-destination "$(readlink -f /etc/resolv.conf)" "$root/etc/resolv.conf"
}

machine_close() {
	trap '' TERM INT
	[[ -z $load ]] || kill "$load" 2>/dev/null
	machine_off
	umount "$work/root" 2>/dev/null
	umount "$work" 2>/dev/null
	rm -rf "$work"
}

# machine_do [--private-network] COMMAND...: in a machine that is not booted, as root
machine_do() {
	local network=()
	if [[ $1 == --private-network ]]; then
		network=("$1")
		shift
	fi
	"${container[@]}" "${network[@]}" --as-pid2 --pipe --setenv=LANG=C.UTF-8 "$@" </dev/null
}

# machine_boot: until its systemd says that all is started, or what is not
machine_boot() {
	echo 'Acquire::Retries "0";' >"$root/etc/apt/apt.conf.d/91machine" # there is no network
	"${container[@]}" --private-network -b </dev/null >"$work/console" 2>&1 &
	nspawn=$!
	machine_wait
}

machine_wait() { # sets leader, and state to what systemd says
	local turn
	for ((turn = 0; turn < 600; turn++)); do
		leader=$(pgrep -P "$nspawn" | head -n 1)
		if ((${leader:-0} > 1)) && [[ $(cat "/proc/$leader/comm" 2>/dev/null) == systemd ]]; then
			state=$(machine systemctl is-system-running 2>/dev/null)
			[[ $state != running && $state != degraded ]] || return 0
		fi
		kill -0 "$nspawn" 2>/dev/null || break
		sleep 0.1
	done
	tail -n 30 "$work/console"
	bad "the machine did not come up"
}

# machine COMMAND...: in the booted one, as root
machine() {
	nsenter -t "$leader" -a env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		HOME=/root LANG=C.UTF-8 TERM=dumb "$@" </dev/null
}

# beside COMMAND...: a program of this machine, in that one's network
beside() {
	nsenter -t "$leader" -n "$@"
}

# At once: nothing of it is kept.
machine_off() {
	((nspawn)) || return 0
	((leader <= 1)) || kill -KILL "$leader" 2>/dev/null # and with the first process of it all others
	kill -KILL "$nspawn" 2>/dev/null
	wait "$nspawn" 2>/dev/null
	nspawn=0
}

# source_of FOLDER: a repository with this checkout as it is, what is not committed with it
source_of() {
	git -c safe.directory=* clone -q --no-hardlinks . "$1" 2>/dev/null || skip "this is no git checkout"
	git -c safe.directory=* ls-files -z -co --exclude-standard | xargs -0 ls -d 2>/dev/null | tar -cf - -T - | tar -xf - -C "$1"
	(cd "$1" && commit_all)
}

commit_all() {
	git add -A
	git -c user.name=test -c user.email=test@codegram.example commit -q --allow-empty -m 'as it is'
}
