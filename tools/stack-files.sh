#!/usr/bin/env bash
# stack-files: the files that tools/stack writes below its folder: codegram.conf, and what
# nginx, Redis and PostgreSQL read, filled in from the files that tools/install installs.
# Sourced by tools/stack, whose variables it uses.
# shellcheck disable=SC2154 # dir, root, run and the options are tools/stack's

# fill FILE NAME VALUE...: FILE with @NAME@ replaced
fill() {
	local text
	text=$(<"$1")
	shift
	while (($#)); do
		text=${text//"@$1@"/"$2"} # quoted: & would be what was found
		shift 2
	done
	printf '%s\n' "$text"
}

redis_password() {
	sed -n 's/^REDIS_PASSWORD=//p' "$dir/codegram.conf" | tr -d '\n'
}

write_configuration() {
	local before='' key line secrets=() redis_url=unix://$run/redis.sock people='on nopass ~* &* +@all'
	[[ -z $redis_port ]] || redis_url=redis://127.0.0.1:$redis_port people=off
	[[ ! -f $dir/codegram.conf ]] || before=$(<"$dir/codegram.conf")
	for key in JWT_SECRET JWT_REFRESH_SECRET JWT_LIVE_SECRET REDIS_PASSWORD; do
		line=$(grep -m 1 "^$key=" <<<"$before") || line=$key=$(od -An -tx1 -N32 /dev/urandom | tr -d ' \n')
		secrets+=("$line")
	done
	mapfile -t -O "${#secrets[@]}" secrets < <(github_lines "$before")
	for line in "DATABASE_URL=postgresql:///codegram?host=$run" "REDIS_URL=$redis_url" \
		"${secrets[@]}" "FRONTEND_URL=$(public_url),http://localhost:$picked_port,http://localhost:3000" LOG_LEVEL=info "RUN_DIR=$run" \
		"SQL_DIR=$root/sql" "RATE_LIMIT=$rate_limit" RELAY_DRAIN_SECONDS=2 \
		"EXPECTED_PARTS=api-${pools// /,api-},relay,scheduler,worker"; do
		[[ " ${sets[*]}" == *" ${line%%=*}="* ]] || printf '%s\n' "$line"
	done >"$dir/codegram.conf.new"
	((${#sets[@]} == 0)) || printf '%s\n' "${sets[@]}" >>"$dir/codegram.conf.new"
	chmod 0600 "$dir/codegram.conf.new"
	[[ $user == "$me" ]] || chown "$user:" "$dir/codegram.conf.new"
	mv "$dir/codegram.conf.new" "$dir/codegram.conf"

	fill "$root/systemd/redis.conf" REDIS_SOCKET "$run/redis.sock" REDIS_DIR "$dir/redis" \
		REDIS_USERS "$dir/redis/users.conf" >"$dir/redis/redis.conf"
	[[ -z $redis_port ]] ||
		sed -i -e "s/^port 0\$/port $redis_port\nbind 127.0.0.1/" -e '/^unixsocket/d' "$dir/redis/redis.conf"
	# The default user stays for people and tests: nobody else comes to the socket.
	fill "$root/systemd/redis-users.conf" REDIS_DEFAULT "$people" REDIS_HASH \
		"$(redis_password | sha256sum | cut -d ' ' -f 1)" \
		>"$dir/redis/users.conf"
	chmod 0640 "$dir/redis/users.conf"
	[[ $user == "$me" ]] || chown "$user:" "$dir/redis/users.conf"
}

write_nginx() {
	local file origins='' frontend='' origin login_rate=60r/m login_burst=20 limit=${connections:-200} cache_zone=codegram
	if [[ $rate_limit == off ]]; then
		login_rate=100000r/s login_burst=10000 limit=${connections:-60000}
	fi
	[[ $cache == on ]] || cache_zone=off
	for origin in $(sed -n 's/^FRONTEND_URL=//p' "$dir/codegram.conf" | tr ',' ' '); do
		# A regular expression: nginx compares plain texts in any case.
		[[ $origin =~ ^https?://[^/]+ ]] || continue
		origins+="\"~^${BASH_REMATCH[0]//./[.]}\$\" \$http_origin;"$'\n\t'
		[[ -n $frontend ]] || frontend=${BASH_REMATCH[0]}
	done
	for file in "$root"/nginx/*.conf; do
		fill "$file" CONF_DIR "$dir/nginx" RUN_DIR "$run" LOG_DIR "$dir/log/nginx" \
			PID_FILE "$dir/nginx/nginx.pid" TEMP_DIR "$dir/nginx/temp" \
			SITE_DIR "$root/nginx/site" CACHE_DIR "$dir/nginx/cache" CACHE "$cache_zone" LISTEN "$bind:$picked_port backlog=4096" LISTEN6 '' HOST _ \
			DEMO "include $dir/nginx/demo.conf;" \
			LOGIN_RATE "$login_rate" LOGIN_BURST "$login_burst" CONNECTIONS "$limit" \
			ORIGINS "$origins" FRONTEND "$frontend" >"$dir/nginx/${file##*/}"
	done
	[[ $pools == 'login all meta' ]] || write_pools >"$dir/nginx/pools.conf"
}

# Pools besides login and all: login's line as shipped, then the routes of their groups,
# the ones with fewer parameters first, as the router would choose.
write_pools() {
	local pool
	echo "map \$request_uri \$codegram_pool {"
	echo "	default all;"
	[[ " $pools " != *' login '* ]] || grep $'^\t.* login;' "$root/nginx/pools.conf"
	sed -nE 's/^(ROUTE|ROOT)\([A-Z]+, *"([^"]+)", *([a-z]+),.*/\1 \2 \3/p' \
		"$root/include/api/routes.def" |
		awk -v pools=" $pools " 'index(pools, " " $3 " ") {
			path = ($1 == "ROOT" ? "" : "/api/v1") $2
			parameters = gsub(/:[a-z_]+/, "[^/?]+", path)
			gsub(/[.]/, "[.]", path)
			print parameters, "\t\"~^" path "(?:[?]|$)\" " $3 ";"
		}' | sort -u | sort -s -n -k 1,1 | cut -d ' ' -f 2-
	echo "}"
	for pool in $pools; do
		echo "upstream codegram_$pool {"
		echo "	server unix:$run/api-$pool.sock max_fails=0;"
		echo "	server unix:$run/api-$pool.sock max_fails=0;"
		echo "}"
	done
}

write_postgres() {
	local role os
	cat >"$dir/pg/stack.conf" <<TEXT
listen_addresses = ''
unix_socket_directories = '$run'
max_connections = 200
fsync = $fsync
full_page_writes = $fsync
synchronous_commit = $fsync
TEXT
	grep -q "^include 'stack.conf'" "$dir/pg/postgresql.conf" ||
		echo "include 'stack.conf'" >>"$dir/pg/postgresql.conf"
	# One OS user stands for every program here; each keeps its own role all the same.
	echo 'local all all peer map=codegram' >"$dir/pg/pg_hba.conf"
	for os in "$user" "$me"; do
		for role in postgres "${roles[@]}"; do
			echo "codegram $os $role"
		done
	done | sort -u >"$dir/pg/pg_ident.conf"
}
