#!/usr/bin/env bash
# systemd: CodeGram as systemd/README.md says, word by word, on a machine with a real systemd; and
# then what operators do to it, and what happens to it, under load. CODEGRAM_LONG=1 does all of it,
# also builds there; CODEGRAM_QUICK=1 beside that does not build.
# long: 60 s
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=tests/install/machine.sh
source tests/install/machine.sh
# shellcheck source=tests/install/document.sh
source tests/install/document.sh
machine_alone "$@"

literal() { # is every step done as it stands, building too?
	[[ -n ${CODEGRAM_LONG:-} && -z ${CODEGRAM_QUICK:-} ]]
}

[[ -f $document ]] || skip "there is no $document"
layer bare
layer boots
if literal; then
	(layer ready) # for runs that shall be quick; here even that is done
else
	layer ready
fi

services=() sockets=() watched=()
url=https://codegram.example
token=''

# ---- steps of the document

# building_step NAME: what is built here is installed as it is, unless time does not matter.
building_step() {
	if literal; then
		take_step "$1"
	else
		make -s install "DESTDIR=$root" PREFIX=/usr && take_step "$1" grep -v '^make'
	fi
}

install_all() {
	local name began
	source_of "$root/root/source"
	machine git clone -q /root/source /root/codegram
	echo '127.0.0.1 codegram.example' >>"$root/etc/hosts" # the name leads here, as it would
	step packages
	other_site || bad 'nginx does not start'
	literal || flock build/.lock make -s -j "$(nproc)" || bad "make failed"
	began=$EPOCHREALTIME
	building_step build || bad 'nothing can follow'
	row 'step build' "$(since "$began") s"
	for name in configure setup start nginx; do
		step "$name"
	done
	see 'readiness' answers 200 http://codegram.example/ready
	certify >"$work/said" 2>&1 || bad "no certificate: $(<"$work/said")"
	step tls
	step admin
	token=$(tail -n 1 "$work/said")
	see 'the first admin' answers 200 /api/v1/admin/queues
	token=$(ctl token load --create --seconds 36000)
	step doctor
	# Else the load is refused.
	machine sed -i 's/^RATE_LIMIT=on/RATE_LIMIT=off/' /etc/codegram/codegram.conf
	step reload
	step look
}

# A certificate where the document wants it, and trusted there as those of public names are.
certify() {
	local at=/etc/letsencrypt/live/codegram.example
	machine mkdir -p "$at"
	machine openssl req -x509 -newkey rsa:2048 -nodes -days 60 -subj /CN=codegram.example \
		-addext subjectAltName=DNS:codegram.example -keyout "$at/privkey.pem" -out "$at/fullchain.pem"
	machine cp "$at/fullchain.pem" /usr/local/share/ca-certificates/test.crt
	machine update-ca-certificates
}

ctl() {
	machine codegramctl "$@"
}

# ---- load

load_begin() { # ARGUMENT...: of load.py
	nsenter -t "$leader" -n python3 tests/install/load.py "$@" "$url" "$token" >"$work/load" 2>"$work/load.err" &
	load=$!
	until_true 60 grep -q began "$work/load.err" >/dev/null || bad 'no load'
}

load_end() { # sets said to what became of the requests, and failed, refused
	sleep 0.5
	kill -TERM "$load"
	wait "$load" || bad "the load came to no end: $(<"$work/load.err")"
	load=''
	failed=$(jq .failed "$work/load") refused=$(jq .refused "$work/load")
	said=$(jq -r '"\(.reads) reads, \(.failed) failed; \(.writes) writes, \(.refused) refused; slowest \(.slowest) s"' "$work/load")
}

# under_load WHAT COMMAND...: nothing fails meanwhile; with may_refuse a write may, which nobody tries
# again by himself
under_load() {
	local what=$1 began
	shift
	load_begin --writes "$work/ledger"
	began=$EPOCHREALTIME
	"$@" >"$work/said" 2>&1 || {
		cat "$work/said"
		miss "$what" "went wrong"
	}
	what+=" ($(since "$began") s)"
	load_end
	[[ -z ${may_refuse:-} ]] || refused=0
	if ((failed + refused == 0 && $(jq .reads "$work/load") > 0)); then
		row "$what" "$said"
	else
		head -n 20 "$work/load.err"
		tail -n 20 "$work/said"
		miss "$what" "$said"
	fi
}

# ---- what is looked at

# The target's services, and what they stand on.
find_services() {
	mapfile -t services < <(machine systemctl show -P Wants codegram.target | tr ' ' '\n' | grep '\.service$' | sort)
	mapfile -t sockets < <(machine systemctl show -P Wants codegram.target | tr ' ' '\n' | grep '\.socket$' | sort)
	((${#services[@]} >= 7 && ${#sockets[@]} >= 4)) || miss 'codegram.target' "wants ${services[*]} ${sockets[*]}"
	# Of those with a watchdog a frozen one is replaced.
	watched=()
	local unit
	for unit in "${services[@]}"; do
		[[ $(machine systemctl show -P WatchdogUSec "$unit") == 0 ]] || watched+=("$unit")
	done
}

active() {
	local unit state wrong=()
	for unit in "${services[@]}" "${sockets[@]}" codegram.target nginx.service postgresql@15-main.service; do
		state=$(machine systemctl is-active "$unit")
		[[ $state == active ]] || wrong+=("$unit is $state")
	done
	for unit in codegram.target nginx postgresql; do
		state=$(machine systemctl is-enabled "$unit")
		[[ $state == enabled ]] || wrong+=("$unit is $state")
	done
	state=$(machine systemctl --failed --plain --no-legend)
	[[ -z $state ]] || wrong+=("failed: $state")
	printf '%s\n' "${wrong[@]}"
	((${#wrong[@]} == 0)) || return 1
	echo "${#services[@]} services, ${#sockets[@]} sockets active, none failed"
}

exposure() { # of 10, as systemd-analyze counts: those with a network at most 1.5, the others 1.0
	local unit score bound
	for unit in "${services[@]}"; do
		case $unit in
		codegram-worker.service | codegram-api@login.service) bound=1.5 ;;
		*) bound=1.0 ;;
		esac
		score=$(machine systemd-analyze security --no-pager "$unit" | awk '/Overall exposure/ { print $(NF - 2) }')
		if awk -v score="$score" -v bound="$bound" 'BEGIN { exit !(score == "" || score + 0 > bound) }'; then
			miss "exposure of $unit" "${score:-unknown}, more than $bound"
		else
			row "exposure of $unit" "$score, at most $bound"
		fi
	done
}

# A worker that waits in accept() is deaf to its master; the descriptor says whether it can.
not_blocking() {
	local pid flags
	for pid in "$(main_of codegram-api@all)" "$(main_of codegram-relay)"; do
		flags=$(machine sed -n 's/^flags:[[:space:]]*//p' "/proc/$pid/fdinfo/3")
		(((8#$flags & 8#4000) != 0)) || {
			echo "the socket of $pid blocks: flags $flags"
			return 1
		}
	done
	echo "flags $flags"
}

answers() { # STATUS PATH-OR-URL [WORDS]: that status, and these words in the answer
	local at=$2 status
	[[ $at == http* ]] || at=$url$at
	status=$(beside curl -sk ${token:+-H "Authorization: Bearer $token"} --connect-to ::127.0.0.1: -o "$work/answer" -w '%{http_code}' "$at")
	if [[ $status == "$1" ]] && grep -q -- "${3:-}" "$work/answer"; then
		echo "$status"
	else
		echo "$at: $status $(head -c 200 "$work/answer")"
		return 1
	fi
}

# The journal's lines of our programs: LEVEL PRIORITY COUNT
levels() {
	machine journalctl --no-pager -o json -u 'codegram-*' | jq -r 'select(.MESSAGE | type == "string" and startswith("{")) |
		"\(.MESSAGE | fromjson? | .level) \(.PRIORITY)"' | sort | uniq -c | awk '{ print $2, $3, $1 }'
}

priorities() { # what a line calls itself is what the journal files it under
	local wrong
	levels >"$work/levels"
	wrong=$(grep -vE '^(error 3|warn 4|info 6|debug 7) ' "$work/levels")
	[[ -z $wrong ]] || {
		echo "level, priority, lines: $wrong"
		return 1
	}
	for wrong in 'info 6 ' 'error 3 '; do
		grep -q "^$wrong" "$work/levels" && continue
		cat "$work/levels"
		return 1
	done
	[[ $(machine journalctl --no-pager -p err -u 'codegram-*' -o cat | grep -c '"level":"error"') -gt 0 ]] || return 1
	tr '\n' ';' <"$work/levels"
}

main_of() { # UNIT: its main process; never 0 or 1, which a signal must not reach
	local pid
	pid=$(machine systemctl show -P MainPID "$1")
	((pid > 1)) && echo "$pid"
}

# until_true SECONDS COMMAND...: it succeeds within that time; what it said last
until_true() {
	local end=$((SECONDS + $1)) words
	shift
	until words=$("$@" 2>&1); do
		((SECONDS < end)) || break
		sleep 0.1
	done
	echo "$words"
	((SECONDS < end))
}

renewed() { # UNIT PID: another process is there, and said that it is ready
	[[ $(machine systemctl is-active "$1") == active && $(main_of "$1") != "$2" ]]
}

# hurt SIGNAL SECONDS UNIT...: each one's process gets it, and each is there again within its time
hurt() {
	local signal=$1 seconds=$2 unit pids=() i=0 began=$EPOCHREALTIME
	shift 2
	for unit; do
		pids+=("$(main_of "$unit")")
		machine bash -c 'kill -s "$@"' - "$signal" "${pids[-1]}" || return 1
	done
	for unit; do
		until_true "$seconds" renewed "$unit" "${pids[i++]}" >/dev/null || {
			echo "$unit was not back after $seconds s"
			return 1
		}
		echo "$unit back after $(since "$began") s"
	done
}

# What was acknowledged is there.
nothing_lost() {
	local lost
	lost=$(comm -23 <(sort "$work/ledger") <(in_database 'select id from snippets' | sort) | wc -l)
	echo "$(wc -l <"$work/ledger") acknowledged writes, $lost lost"
	((lost == 0))
}

in_database() { # SQL
	machine runuser -u postgres -- psql -d codegram -Atqc "$1"
}

# ---- what operators do

restarts() {
	under_load 'each restarted' restart_each
	under_load 'step restart' take_step restart
	under_load 'step reload, nginx too' reload_all
}

restart_each() {
	local unit
	for unit in "${services[@]}"; do
		machine systemctl restart "$unit" || return 1
		sleep 0.3
	done
}

reload_all() {
	take_step reload && machine systemctl reload nginx
}

# Who keeps other sites on this nginx before CodeGram comes keeps them.
other_site() {
	printf 'server {\n\tlisten 8099;\n\treturn 200 "another site";\n}\n' >"$root/etc/nginx/conf.d/other.conf"
	machine systemctl restart nginx
}

sites() {
	see 'another site of this nginx' answers 200 http://127.0.0.1:8099/ 'another site'
	see 'nginx -t' machine nginx -t
	see 'the demo page is not served' answers 404 /
	see 'the operators page is' answers 200 /admin/
	see 'plain HTTP leads to TLS' answers 308 http://codegram.example/api/v1/snippets
}

doctor() { # STATUS [PART]: what it ends with, and who is called an error
	local code
	ctl doctor >"$work/doctor" 2>&1
	code=$?
	if ((code == $1)) && { (($# == 1)) || grep -q "^error.* $2 " "$work/doctor"; }; then
		grep -vE '^ok' "$work/doctor" | head -n 3 | tr -s ' \n' ' '
	else
		cat "$work/doctor"
		echo "exit status $code"
		return 1
	fi
}

doctors() {
	local unit part
	see 'doctor, all being well' doctor 0
	for unit in worker relay scheduler api@login; do
		machine systemctl stop "codegram-$unit.socket" "codegram-$unit.service" 2>/dev/null
		part=${unit/@/-}
		see "doctor, $part stopped" until_true 60 doctor 1 "$part"
		machine systemctl start codegram.target
	done
	see 'doctor, all started again' until_true 60 doctor 0
}

# ---- what happens

accidents() {
	may_refuse=yes under_load 'kill -9 of each part' hurt KILL 60 "${services[@]}"
	see 'writes' nothing_lost
}

freezing() {
	may_refuse=yes under_load 'SIGSTOP of each part' hurt STOP 60 "${watched[@]}"
	see 'writes' nothing_lost
}

# What a machine's own life brings.
surroundings() {
	may_refuse=yes under_load 'kill -9 of a whole pool' hurt_pool all
	under_load 'systemctl daemon-reexec' machine systemctl daemon-reexec
	under_load 'a socket unit changed by an upgrade' socket_changed
	under_load 'reload of what can not be read' reload_faulty
	under_load 'restart of journald' machine systemctl restart systemd-journald
	machine systemctl restart postgresql@15-main
	see 'after a restart of PostgreSQL' until_true 60 answers 200 /api/v1/auth/me
	see 'all of it' until_true 60 doctor 0
	see 'writes' nothing_lost
}

# systemd keeps an open socket when its unit reads differently; a socket that it lost would be
# "not functional until restarted".
socket_changed() {
	local at=/etc/systemd/system/codegram-api@.socket.d
	machine mkdir -p "$at"
	machine bash -c "printf '[Socket]\nBacklog=2048\n' >$at/test.conf"
	machine systemctl daemon-reload && machine systemctl restart codegram.target
}

reload_faulty() { # the old settings go on
	local code
	machine sed -i.before 's/^LOG_LEVEL=.*/LOG_LEVEL=loud/' /etc/codegram/codegram.conf
	machine systemctl reload codegram-api@all
	sleep 1
	machine systemctl is-active codegram-api@all
	code=$?
	machine mv /etc/codegram/codegram.conf.before /etc/codegram/codegram.conf
	return "$code"
}

hurt_pool() { # POOL: master and workers at once
	local pid
	pid=$(main_of "codegram-api@$1")
	machine pkill -KILL -f "^[^ ]*codegram-api --pool $1 " && until_true 60 renewed "codegram-api@$1" "$pid"
}

failed_units() { # UNIT
	machine systemctl --failed --plain --no-legend | grep "$1"
}

crash_loop() {
	local unit=codegram-scheduler.service at=/run/systemd/system/codegram-scheduler.service.d
	machine mkdir -p "$at"
	machine bash -c "printf '[Service]\nExecStart=\nExecStart=/bin/false\n' >$at/test.conf"
	machine systemctl daemon-reload
	machine systemctl restart --no-block "$unit"
	see 'a crash loop in systemctl --failed' until_true 60 failed_units "$unit"
	see 'a crash loop in journalctl -p err' until_true 60 in_journal err "unit.failed.*$unit"
	machine rm -r "$at"
	machine systemctl daemon-reload
	if [[ -n ${CODEGRAM_LONG:-} ]]; then
		see 'and it comes back by itself' until_true 60 machine systemctl is-active "$unit"
	else
		machine systemctl stop "codegram-failed@$unit"
		machine systemctl reset-failed
		machine systemctl start "$unit"
	fi
}

in_journal() { # PRIORITY PATTERN
	machine journalctl --no-pager -p "$1" -o cat | grep -- "$2"
}

reboot() {
	local before after
	before=$(in_database 'select count(*) from snippets')
	machine systemctl reboot
	wait "$nspawn"
	nspawn=0
	machine_boot
	see 'reboot: readiness' until_true 60 answers 200 /ready
	see 'reboot: units' active
	after=$(in_database 'select count(*) from snippets')
	[[ $before == "$after" ]] || miss 'reboot: snippets' "$before before, $after after"
	under_load 'after the reboot' sleep 1
}

# More workers than requests, and steadily some: who loses the race for a connection must not be taken
# for hung. Then nobody asks anything for longer than any watchdog waits.
idling() {
	local before
	machine sed -i 's/^API_WORKERS=.*/API_WORKERS=32/' /etc/codegram/codegram.conf
	machine systemctl restart 'codegram-api@*.service'
	before=$(machine date '+%F %T')
	load_begin --rate 110 --callers 16
	sleep "${CODEGRAM_IDLE_SECONDS:-120}"
	load_end
	row '110 requests a second, 32 workers' "$said"
	((failed == 0)) || miss '110 requests a second, 32 workers' "$(head -n 3 "$work/load.err")"
	sleep 45
	see 'nobody was taken for hung' none_hung "$before"
}

none_hung() { # SINCE
	local hung
	hung=$(machine journalctl --no-pager -o cat -u 'codegram-*' --since "$1" | grep -c 'worker.hung\|Watchdog timeout')
	echo "$hung workers or parts taken for hung"
	((hung == 0))
}

# More lines than journald takes by itself in its half minute.
lines() {
	local asked before after
	before=$(machine journalctl --no-pager -o cat -u codegram-api@all | wc -l)
	asked=$(beside wrk -t 2 -c 16 -d 10 -H 'Host: codegram.example' -H "Authorization: Bearer $token" \
		https://127.0.0.1/api/v1/auth/me | awk '/requests in/ { print $1 }')
	machine journalctl --sync
	after=$(machine journalctl --no-pager -o cat -u codegram-api@all | wc -l)
	echo "$asked requests in 10 s, $((after - before)) lines, $(suppressed) times suppressed"
	((after - before >= asked && $(suppressed) == 0))
}

suppressed() {
	machine journalctl --no-pager -o cat -u systemd-journald | grep -c '^Suppressed'
}

# New programs and a new migration, as the document says. Where nothing is built, the programs are
# the same, but the files others.
upgrade() {
	local number files=(sql/migrate/*.sql)
	number=${files[-1]##*/}
	number=$(printf '%04d' $((10#${number%%_*} + 1)))
	(
		cd "$root/root/codegram" || exit 1
		echo 'create table upgraded (id int primary key);' >"sql/migrate/${number}_upgraded.sql"
		sed -i "s/SCHEMA_NUMBER = [0-9]*/SCHEMA_NUMBER = $((10#$number))/" include/store/statements.h
		commit_all
		cp "sql/migrate/${number}_upgraded.sql" "$root/usr/share/codegram/sql/migrate/"
	)
	building_step upgrade
}

roll_back() {
	git -C "$root/root/codegram" checkout -q HEAD~
	take_step roll-back
}

keys() { # whoever came by the old key is served until that goes
	under_load 'step key-next' take_step key-next
	under_load 'step key-turn' take_step key-turn
	token=$(ctl token load --seconds 36000)
	under_load 'step key-end' take_step key-end
	under_load 'step redis-password' take_step redis-password
}

pool_comes_and_goes() {
	take_step pool && take_step pool-away
}

pools() {
	under_load 'steps pool, pool-away' pool_comes_and_goes
}

removal() {
	step uninstall
	see 'another site of this nginx' answers 200 http://127.0.0.1:8099/ 'another site'
	see 'no unit is left' no_units
	step purge
}

no_units() {
	local left
	left=$(machine systemctl list-units --all --plain --no-legend 'codegram*' | grep -v not-found)
	echo "$left"
	[[ -z $left ]]
}

upgrades() {
	under_load 'upgrade' upgrade
	see 'the migration is there' in_database 'select count(*) from upgraded'
	see 'readiness' answers 200 /ready '"status":"ok"'
	see 'doctor, after the upgrade' doctor 0
	see 'writes' nothing_lost
}

mkdir -p build
: >"$table"
machine_open
machine_boot
row 'systemd' "$state"
install_all
find_services
see 'units' active
see 'sockets do not block' not_blocking
exposure
sites
restarts
accidents
doctors
crash_loop
see 'journal: level, priority, lines' priorities
if [[ -n ${CODEGRAM_LONG:-} ]]; then
	keys
	pools
	reboot
	upgrades
	surroundings
	freezing
	see 'no line is lost at a high rate' lines
	idling
fi
if literal; then
	under_load 'step roll-back' roll_back
	removal
	see 'steps that were not taken' all_taken
fi
((missed == 0)) || bad "$missed of these are wrong"
