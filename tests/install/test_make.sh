#!/usr/bin/env bash
# make: what a flag is built into is built again when the flag changes, and nothing else; what was
# made of a file that is gone goes, too; installing takes what was built.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
to=$(mktemp -d)
trap 'rm -rf "$to"' EXIT
bad() {
	echo "make: $*" >&2
	exit 1
}

cp -r Makefile src include sql tools "$to"
mkdir "$to/tests"
cd "$to"
unset CC CFLAGS LDFLAGS MAKEFLAGS
object=build/release/obj/base/span.o

# made yes|no WORDS...: whether make compiles it
made() {
	local want=$1 said=no
	shift
	make "$@" $object >said 2>&1 || bad "$(<said)"
	! grep -q -- " -c -o $object" said || said=yes
	[[ $said == "$want" ]] || bad "compiled: $said with: $*"
}

made yes
made no
made no PREFIX=/usr
made yes CC=clang
made no CC=clang
made yes 'CFLAGS=-DX="a b"'
made no 'CFLAGS=-DX="a b"'
made yes

# sudo forgets the environment: the same compiler and flags all the same, unless others are named.
compiler() {
	make -np "$@" 2>/dev/null | sed -n 's/^CC :\?= //p' | tail -n 1
}
make -s CC=clang 'CFLAGS=-O1 -g' build/release/built.mk
[[ $(compiler install) == clang ]] || bad "install would build anew: $(compiler install)"
[[ $(compiler install CC=tcc) == tcc ]] || bad "a compiler that was named is not taken"
[[ $(compiler all) == gcc ]] || bad "all goes on with an old compiler"

statements=build/release/gen/src/store/statements.c
make -s $statements build/release/gen/src/store/plan.c
grep -q plan $statements || bad "there is no query file plan any more: choose another one here"
rm sql/query/plan.sql
make -s $statements
! grep -q plan $statements || bad "statements.c names a file that is gone"
[[ ! -e build/release/gen/src/store/plan.c ]] || bad "what was made of it is still there"
