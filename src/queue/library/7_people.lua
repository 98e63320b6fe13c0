-- ---- for people

-- Entries of a lane that nobody has taken, from the oldest, or with `newest` from the newest.
local function waiting(s, most, newest)
	local of, last = try('XINFO', 'GROUPS', s), '0-0'
	if of.err then
		return {}
	end
	if of[1] then -- name, _, consumers, _, pending, _, last-delivered-id, _
		last = of[1][8]
	end
	if newest then
		return call('XREVRANGE', s, '+', '(' .. last, 'COUNT', most)
	end
	return call('XRANGE', s, '(' .. last, '+', 'COUNT', most)
end

local COUNTERS = { 'added', 'completed', 'failed', 'retried', 'crashed', 'lost' }

-- waiting, active, delayed, done, dead, age of the oldest waiting one, COUNTERS; since cg2
-- blocked, cancelled, 1 when paused, how many were ever cancelled
local function stats(keys)
	local base, now = keys[1], time()
	local wait, busy, oldest = 0, 0, 0
	for _, lane in ipairs(LANES) do
		local s = stream(base, lane)
		local taken, first = pending(s), waiting(s, 1)[1]
		busy = busy + taken
		wait = wait + call('XLEN', s) - taken
		if first then
			oldest = math.max(oldest, now - string.match(first[1], '^%d+'))
		end
	end
	local out = { wait, busy, call('ZCARD', base .. ':dly'), call('ZCARD', base .. ':done'),
		call('ZCARD', base .. ':dead'), oldest }
	for _, field in ipairs(COUNTERS) do
		out[#out + 1] = tonumber(call('HGET', base .. ':m', field) or 0)
	end
	out[13], out[14] = call('ZCARD', base .. ':blk'), call('ZCARD', base .. ':cancelled')
	out[15] = call('HEXISTS', base .. ':c', 'paused')
	out[16] = tonumber(call('HGET', base .. ':m', 'cancelled') or 0)
	return out
end

local OLD_WORDS, WORDS = 14, 18

-- id, name, state, lane, data, error, reason, result, unique, attempts, crashes, added, due,
-- ended; since cg2 options, progress, started, whether it is to be cancelled
local function view(base, id, out, words, now)
	local j = call('HMGET', job_of(base, id), 'n', 'l', 'd', 'e', 'y', 'o', 'u', 'a', 'c', 't',
		'f', 'x', 'b', 'p', 'g', 's', 'w')
	if not j[1] then
		return
	end
	local state, score = state_of(base, id, j[2], j[12])
	local started = j[16] or state == 'active' and string.format('%.0f', now - score) or '0'
	local why = state == 'failed' and j[5] or state == 'blocked' and j[13] or ''
	local all = { id, j[1], state, j[2], j[3], j[4] or '', why, j[6] or '', j[7] or '',
		j[8] or '0', j[9] or '0', j[10], state == 'delayed' and score or '0', j[11] or '0',
		j[14] or '', j[15] or '', started, state == 'active' and j[17] and '1' or '0' }
	for i = 1, words do
		out[#out + 1] = all[i]
	end
end

local function later(a, b)
	local a_ms, a_seq = string.match(a, '(%d+)-(%d+)')
	local b_ms, b_seq = string.match(b, '(%d+)-(%d+)')
	if a_ms ~= b_ms then
		return tonumber(a_ms) > tonumber(b_ms)
	end
	return tonumber(a_seq) > tonumber(b_seq)
end

-- Jobs of the lanes, the newest first: each an entry and its lane.
local function in_lanes(base, state, most)
	local found = {}
	for _, lane in ipairs(LANES) do
		local s = stream(base, lane)
		local rows = state == 'waiting' and waiting(s, most, true) or
			try('XPENDING', s, 'w', '-', '+', ONCE)
		for _, row in ipairs(rows.err and {} or rows) do
			found[#found + 1] = { row[1], lane }
		end
	end
	table.sort(found, function(a, b) return later(a[1], b[1]) end)
	return found
end

-- state, limit → the words of view() for each job
local function list(keys, args, words)
	local base, state, out, now = keys[1], args[1], {}, time()
	local most = math.max(1, math.min(tonumber(args[2]), ONCE))
	state = state == 'done' and 'completed' or state == 'dead' and 'failed' or state
	if SETS[state] then
		local range = state == 'delayed' and 'ZRANGE' or 'ZREVRANGE'
		for _, id in ipairs(call(range, base .. SETS[state], 0, most - 1)) do
			view(base, id, out, words, now)
		end
	elseif state == 'waiting' or state == 'active' then
		for _, row in ipairs(in_lanes(base, state, most)) do
			local id = #out < most * words and id_of(base, row[2], row[1])
			if id then
				view(base, id, out, words, now)
			end
		end
	end
	return out
end

local function show(keys, args, words)
	local out = {}
	view(keys[1], args[1], out, words, (time()))
	return out
end

-- id → its lines
local function logs(keys, args)
	return call('LRANGE', keys[1] .. ':log:' .. args[1], 0, -1)
end

local DID, NO_JOB, NOT_NOW = 0, 1, 2

-- An ended job holds its unique key again, if it may.
local function reclaim(base, id, unique, o)
	if not unique or o.unique == 'for' then
		return true
	end
	local at = base .. ':u:' .. unique
	return call('SET', at, id, 'NX') or call('GET', at) == id
end

-- A final job that was cancelled before its batch had ended (it has v) still waits for that.
local function retry(base, now, id)
	local j = call('HMGET', job_of(base, id), 'l', 'u', 'p', 'x', 'v')
	if not j[1] then
		return NO_JOB
	end
	local state, o = state_of(base, id, j[1], j[4]), options_of(j[3])
	if state ~= 'delayed' and state ~= 'failed' and state ~= 'cancelled' or
		state ~= 'delayed' and not reclaim(base, id, j[2], o) then
		return NOT_NOW
	end
	leave_ended(base, SETS[state], id)
	call('HDEL', job_of(base, id), 'a', 'c', 'e', 'y', 'f', 'w', 's', 'g', 'v')
	if j[5] and o.final then
		place(base, now, id, j[1], now, o)
	else
		ready(base, id, j[1])
	end
	return DID
end

-- id → 0 it waits again, 1 there is none, 2 it is not of a state to be retried
local function retry_one(keys, args)
	return { retry(keys[1], (time()), args[1]) }
end

-- how many at most, how many to pass over → how many wait again, how many do not
local function retry_all(keys, args)
	local base, now, done, kept = keys[1], time(), 0, 0
	local from, most = tonumber(args[2]), math.min(tonumber(args[1]), ONCE)
	for _, id in ipairs(call('ZRANGE', base .. ':dead', from, from + most - 1)) do
		if retry(base, now, id) == DID then
			done = done + 1
		else
			kept = kept + 1
		end
	end
	return { done, kept }
end

-- id → as retry_one, of a delayed job
local function promote_one(keys, args)
	local base, id = keys[1], args[1]
	local lane = call('HGET', job_of(base, id), 'l')
	if not lane then
		return { NO_JOB }
	elseif call('ZREM', base .. ':dly', id) == 0 then
		return { NOT_NOW }
	end
	ready(base, id, lane)
	return { DID }
end

-- id, keep → 0 it is cancelled, 1 its worker is asked, 2 it had ended, 3 there is none
local function cancel(keys, args)
	local base, id, now = keys[1], args[1], time()
	local j = call('HMGET', job_of(base, id), 'l', 'x', 'u', 'p')
	if not j[1] then
		return { 3 }
	end
	local state = state_of(base, id, j[1], j[2])
	if state == 'completed' or state == 'failed' then
		return { 2 }
	elseif state == 'active' then
		call('HSET', job_of(base, id), 'w', '1')
		call('PUBLISH', 'cg:cancel', string.match(base, '{(.-)}') .. ' ' .. id)
		return { 1 }
	elseif state ~= 'cancelled' then
		pull(base, id, state, j[1], j[2], j[3], options_of(j[4]))
		cancelled(base, now, id, { entry = '', keep_done = tonumber(args[2]) })
	end
	return { 0 }
end

-- id → 0 it is gone, 1 there is none, 2 it is active
local function remove_one(keys, args)
	local state = look_up(keys[1], args[1])
	if not state or state == 'active' then
		return { state and NOT_NOW or NO_JOB }
	end
	remove(keys[1], (time()), args[1], state)
	return { DID }
end

local function wake_all(base)
	for _, lane in ipairs(LANES) do
		for _ = 1, math.min(TOKENS, #waiting(stream(base, lane), TOKENS)) do
			wake(base)
		end
	end
end

-- 1: pause, 0: go on
local function pause(keys, args)
	if args[1] == '1' then
		call('HSET', keys[1] .. ':c', 'paused', '1')
	else
		call('HDEL', keys[1] .. ':c', 'paused')
		wake_all(keys[1])
	end
	return { 0 }
end

-- 1: delayed and blocked ones too → how many were removed; some are left while it is not 0
local function drain(keys, args)
	local base, now, n = keys[1], time(), 0
	for _, state in ipairs(args[1] == '1' and { 'blocked', 'delayed' } or {}) do
		for _, id in ipairs(call('ZRANGE', base .. SETS[state], 0, ONCE - 1)) do
			if look_up(base, id) == state then -- removing another one may have let it go
				remove(base, now, id, state)
				n = n + 1
			end
		end
	end
	for _, lane in ipairs(LANES) do
		for _, row in ipairs(n < ONCE and waiting(stream(base, lane), ONCE) or {}) do
			local id = row[2][2]
			leave_lane(base, lane, row[1])
			remove(base, now, id, 'waiting')
			n = n + 1
		end
	end
	return { n }
end

-- state, ms since it ended → how many were removed; some are left while it is not 0
local function purge(keys, args)
	local base, now = keys[1], time()
	local ids = call('ZRANGEBYSCORE', base .. SETS[args[1]], '-inf', now - args[2],
		'LIMIT', 0, ONCE)
	for _, id in ipairs(ids) do
		remove(base, now, id, args[1])
	end
	return { #ids }
end

-- concurrency, rate, rate_ms: -1 as it is, -2 no override, else the limit → the overrides, -1: none
local function limits(keys, args)
	local c, out = keys[1] .. ':c', {}
	for i, field in ipairs({ 'concurrency', 'rate', 'rate_ms' }) do
		if args[i] == '-2' then
			call('HDEL', c, field)
		elseif args[i] and args[i] ~= '-1' then
			call('HSET', c, field, args[i])
		end
		out[i] = tonumber(call('HGET', c, field) or -1)
	end
	if #args > 0 then
		wake_all(keys[1])
	end
	return out
end
