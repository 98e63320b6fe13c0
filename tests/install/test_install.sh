#!/usr/bin/env bash
# What `make install` puts where, and whether systemd and nginx take it as it is.
# long: 60 s
# shellcheck disable=SC2016 # $http_origin is nginx's
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
touch "$to/built"
make -s install "DESTDIR=$to" PREFIX=/usr
left=$(find build/release -type f -newer "$to/built")
[[ -z $left ]] || bad "installing built something, as root perhaps: $left"
for file in usr/bin/codegramctl usr/share/man/man8/codegramctl.8 usr/share/bash-completion/completions/codegramctl usr/sbin/codegram-api usr/sbin/codegram-relay usr/sbin/codegram-scheduler usr/sbin/codegram-worker usr/share/codegram/sql/grant.sql \
	usr/share/codegram/sql/migrate/0001_foundation.sql usr/lib/sysusers.d/codegram.conf \
	usr/share/codegram/site/admin/admin.js usr/lib/tmpfiles.d/codegram.conf etc/codegram/codegram.conf etc/nginx/sites-available/codegram{,-tls} \
	usr/share/codegram/redis-users.conf usr/share/doc/codegram/operating.md usr/lib/systemd/system/codegram-failed@.service \
	usr/lib/systemd/system/codegram-api@.socket; do
	[[ -e $to/$file ]] || bad "$file is missing"
done
for file in usr/share/codegram/site/index.html etc/nginx/codegram/{demo,nginx}.conf; do
	[[ ! -e $to/$file ]] || bad "$file is of the demo"
done
# The operators' page has all that it names, and nginx serves it.
served=$(sed -n 's/^location ~ "\(.*\)" {$/\1/p' "$to/etc/nginx/codegram/server.conf")
while read -r file; do
	[[ -e $to/usr/share/codegram/site$file ]] || bad "the operators' page misses $file"
	grep -qP "$served" <<<"$file" || bad "nginx does not serve $file"
done < <(
	cd "$to/usr/share/codegram/site"
	sed -nE 's/.*(href|src)="(\/[a-z/.]+)".*/\2/p' admin/index.html
	for file in *.js admin/*.js; do
		sed -nE "s/^import .* from '([a-z.\/]+)';$/\1/p" "$file" | while read -r name; do
			realpath -m --relative-to=. "$(dirname "$file")/$name" | sed 's|^|/|'
		done
	done
)
! grep -rIl '@[A-Z_0-9]*@' "$to/etc" "$to/usr/lib" || bad "a placeholder is left"
! grep -rIl "$PWD" "$to" || bad "a path of this checkout is in it"
[[ $(stat -c %a "$to/etc/codegram/codegram.conf") != *[4567] ]] || bad "codegram.conf is open to all"

# What is installed runs, and finds what is installed with it, wherever that is.
for program in bin/codegramctl sbin/codegram-{api,relay,scheduler,worker}; do
	said=$("$to/usr/$program" --version) || bad "$program does not run"
	[[ ! -e .git || $said =~ ^codegram\ [0-9.]+\ \([0-9a-z.-]+\)$ ]] || bad "$program does not know its commit: $said"
done
[[ $(env -i "$to/usr/bin/codegramctl" --config "$to/etc/codegram/codegram.conf" --json config) == *"\"$to/usr/share/codegram/sql\""* ]] ||
	bad "codegramctl looks for its SQL elsewhere"

# An edited file is kept, and the new one is laid beside it when there is a new one.
cp "$to/etc/codegram/codegram.conf" "$to/conf"
echo '# mine' >>"$to/etc/codegram/codegram.conf"
make -s install "DESTDIR=$to" PREFIX=/usr
grep -q '# mine' "$to/etc/codegram/codegram.conf" || bad "an edited file was overwritten"
[[ ! -e $to/etc/codegram/codegram.conf.new ]] || bad "nothing is new, and yet it is laid beside"
echo '# of the release before' >>"$to/usr/share/codegram/shipped/etc/codegram/codegram.conf"
make -s install "DESTDIR=$to" PREFIX=/usr >/dev/null
cmp -s "$to/conf" "$to/etc/codegram/codegram.conf.new" || bad "the new file is not beside the edited one"
cp "$to/conf" "$to/etc/codegram/codegram.conf"

# ---- codegramctl setup, as of an image: no users, no database

setup() {
	env -i "$to/usr/bin/codegramctl" --config "$to/etc/codegram/codegram.conf" setup --root "$to" "$@"
}
credentials=$to/etc/codegram/credentials
setup --dry-run >"$to/said"
grep -q "^would make *$credentials/JWT_SECRET$" "$to/said" || bad "a dry run does not say what it would do"
[[ -z $(ls "$credentials") && ! -e $to/etc/codegram/redis-users.conf ]] || bad "a dry run made something"
echo 'JWT_LIVE_SECRET=0123456789012345678901234567890123456789' >>"$to/etc/codegram/codegram.conf"
printf 'as it was, and long enough for a secret\n' >"$credentials/SEAL_KEY"
chmod 0600 "$credentials/SEAL_KEY"
setup >"$to/said"
[[ $(<"$credentials/SEAL_KEY") == 'as it was, and long enough for a secret' ]] || bad "a secret was written over"
[[ ! -e $credentials/JWT_LIVE_SECRET ]] || bad "a secret of codegram.conf got a rival"
for file in JWT_SECRET JWT_REFRESH_SECRET GITHUB_WEBHOOK_SECRET REDIS_PASSWORD.{api,login,worker,scheduler,relay,ctl}; do
	[[ $(stat -c %a "$credentials/$file") == 600 && $(<"$credentials/$file") =~ ^[0-9a-f]{64}$ ]] || bad "$file is no secret"
	! grep -qF "$(<"$credentials/$file")" "$to/said" || bad "$file was shown"
done
[[ $(cat "$credentials"/{JWT,GITHUB,REDIS}* | sort -u | wc -l) == 9 ]] || bad "two secrets are equal"
for file in api login worker scheduler relay ctl; do
	grep -q "^user codegram-$file on #$(tr -d '\n' <"$credentials/REDIS_PASSWORD.$file" | sha256sum | cut -d ' ' -f 1) " \
		"$to/etc/codegram/redis-users.conf" || bad "Redis does not know the password of $file"
done
grep -q '^user default off$' "$to/etc/codegram/redis-users.conf" || bad "Redis's default user is not off"
grep -qF '"~^https://codegram[.]example$" $http_origin;' "$to/etc/nginx/codegram/origins.conf" || bad "no origin"
before=$(cat "$credentials"/* "$to/etc/codegram/redis-users.conf" | sha256sum)
setup >"$to/said"
grep -q '^0 made or changed, ' "$to/said" || bad "a second run makes something"
[[ $before == $(cat "$credentials"/* "$to/etc/codegram/redis-users.conf" | sha256sum) ]] || bad "a second run changes something"
rm "$credentials/REDIS_PASSWORD.relay"
printf 'of an editor elsewhere\r\n' >"$credentials/REDIS_PASSWORD.ctl"
sed -i 's|^FRONTEND_URL=.*|FRONTEND_URL=https://a.example, http://localhost:3000|' "$to/etc/codegram/codegram.conf"
setup >"$to/said"
grep -q "^changed *$to/etc/codegram/redis-users.conf" "$to/said" || bad "a new password does not reach Redis"
grep -q "^user codegram-ctl on #$(printf 'of an editor elsewhere' | sha256sum | cut -d ' ' -f 1) " \
	"$to/etc/codegram/redis-users.conf" || bad "Redis knows another password than the programs read"
grep -qF '"~^http://localhost:3000$" $http_origin;' "$to/etc/nginx/codegram/origins.conf" || bad "no second origin"
setup --json | jq -e 'length > 10 and all(.found == "there")' >/dev/null || bad "--json is none"
grep -qF 'default "https://a.example";' "$to/etc/nginx/codegram/origins.conf" || bad "not the first origin"
for none in 'https://a.example"; evil' https://a.example/ https://A.example; do
	sed -i "s|^FRONTEND_URL=.*|FRONTEND_URL=$none|" "$to/etc/codegram/codegram.conf"
	! setup >"$to/said" 2>&1 || bad "an origin that is none was taken: $none"
done

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

# Everything goes but what is the operator's; a site that is still on is not pulled from under nginx.
mkdir -p "$to/etc/nginx/sites-enabled"
ln -s ../sites-available/codegram "$to/etc/nginx/sites-enabled/codegram"
! make -s uninstall "DESTDIR=$to" PREFIX=/usr >/dev/null 2>&1 || bad "nginx would miss its files"
rm "$to/etc/nginx/sites-enabled/codegram"
make -s uninstall "DESTDIR=$to" PREFIX=/usr >/dev/null
left=$(find "$to/usr" "$to/etc/nginx" -type f -not -path "*/sites-available/*" -not -name pools.conf -not -name real-ip.conf)
[[ -z $left ]] || bad "left: $left"
[[ -e $credentials/JWT_SECRET && -e $to/etc/nginx/sites-available/codegram && -e $to/etc/nginx/codegram/pools.conf ]] || bad "what is the operator's is gone"
