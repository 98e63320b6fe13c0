#!/usr/bin/env bash
# What `make install` puts where, and whether systemd and nginx take it as it is.
# long: 60 s
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
to=$(mktemp -d)
trap 'rm -rf "$to"' EXIT
bad() {
	echo "install: $*" >&2
	exit 1
}

mkdir -p build
flock build/.lock make -s -j "$(nproc)"
make -s install "DESTDIR=$to" PREFIX=/usr
for file in usr/bin/codegramctl usr/sbin/codegram-api usr/sbin/codegram-relay usr/sbin/codegram-scheduler usr/sbin/codegram-worker usr/share/codegram/sql/grant.sql \
	usr/share/codegram/sql/migrate/0001_foundation.sql usr/lib/sysusers.d/codegram.conf \
	usr/share/codegram/site/index.html usr/share/codegram/site/text.js usr/share/codegram/site/admin/admin.js usr/lib/tmpfiles.d/codegram.conf etc/codegram/codegram.conf etc/nginx/codegram/nginx.conf \
	usr/lib/systemd/system/codegram-api@.socket; do
	[[ -e $to/$file ]] || bad "$file is missing"
done
! grep -rIl '@[A-Z_]*@' "$to/etc" "$to/usr/lib" || bad "a placeholder is left"
! grep -rIl "$PWD" "$to" || bad "a path of this checkout is in it"
[[ $(stat -c %a "$to/etc/codegram/codegram.conf") != *[4567] ]] || bad "codegram.conf is open to all"

# What is installed runs, and finds what is installed with it, wherever that is.
for program in bin/codegramctl sbin/codegram-{api,relay,scheduler,worker}; do
	said=$("$to/usr/$program" --version) || bad "$program does not run"
	[[ ! -e .git || $said =~ ^codegram\ [0-9.]+\ \([0-9a-z.-]+\)$ ]] || bad "$program does not know its commit: $said"
done
[[ $(env -i "$to/usr/bin/codegramctl" --config "$to/etc/codegram/codegram.conf" --json config) == *"\"$to/usr/share/codegram/sql\""* ]] ||
	bad "codegramctl looks for its SQL elsewhere"

# An edited file is kept, the new one laid beside it.
echo '# mine' >>"$to/etc/codegram/codegram.conf"
make -s install "DESTDIR=$to" PREFIX=/usr
grep -q '# mine' "$to/etc/codegram/codegram.conf" || bad "an edited file was overwritten"

command -v systemd-analyze >/dev/null || {
	echo "systemd-analyze is not installed"
	exit 77
}
sed -i "s|=/usr/sbin/codegram-|=$to/usr/sbin/codegram-|" "$to"/usr/lib/systemd/system/*.service
said=$(SYSTEMD_UNIT_PATH=$to/usr/lib/systemd/system: systemd-analyze verify --man=no \
	codegram.target codegram-api@{all,login,meta}.{socket,service} codegram-redis.service codegram-relay.{socket,service} codegram-scheduler.service codegram-worker.service 2>&1) || bad "$said"
[[ -z $said ]] || bad "systemd-analyze verify: $said"
for pool in all login meta; do
	score=$(SYSTEMD_UNIT_PATH=$to/usr/lib/systemd/system: systemd-analyze security --offline=yes \
		"codegram-api@$pool.service" 2>/dev/null | awk '/Overall exposure/ { print $(NF - 2) }')
	echo "exposure of codegram-api@$pool: $score"
done
