#!/usr/bin/env bash
# packages: every header that the C files name, and those that these name, comes from a package that
# tools/packages has or brings along. So a list that lacks one is seen where all are installed, too.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=tests/install/machine.sh
source tests/install/machine.sh
for command in dpkg-query apt-cache; do
	command -v "$command" >/dev/null || skip "this is no Debian: no $command"
done
read -ra flags < <(pkg-config --cflags libpq)

brought() { # SECTION...: the packages, and all that they depend on
	# shellcheck disable=SC2046 # words are wanted
	apt-cache depends --recurse --installed --no-recommends --no-suggests --no-conflicts --no-breaks \
		--no-replaces --no-enhances $(packages_of "$@") | grep '^[a-z0-9]' | cut -d : -f 1
}

headers() { # COMPILER FOLDER...: the files it reads for them
	local compiler=$1
	shift
	grep -rhoE --include='*.[ch]' '^#include <[^>]+>' "$@" | sort -u |
		"$compiler" -std=c17 -D_GNU_SOURCE -M -x c - "${flags[@]}" |
		grep -oE '[^ \\]+' | grep '^/' | xargs readlink -f
}

missed=0
check() { # COMPILER FOLDER...; the sections are in what
	local compiler=$1 file package
	local -A have=()
	while read -r package; do
		have[$package]=yes
	done < <(brought "${what[@]}")
	shift
	while read -r package file; do
		[[ -z ${have[$package]:-} ]] || continue
		echo "$compiler reads $file, whose package $package is not brought by tools/packages"
		missed=$((missed + 1))
	done < <(headers "$compiler" "$@" | xargs dpkg-query -S | sed -E 's/^([^:,]+)[^ ]*:? (.*: )?/\1 /')
}

what=(run build)
check gcc src include
what+=(test)
check clang src include tests
((missed == 0)) || exit 1
echo "all headers are brought"
