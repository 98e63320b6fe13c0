#!lua name=cg1
-- library: every transition of a job as one atomic function of Redis 7.0; queue/library.h wraps
-- them. A queue's keys begin with KEYS[1], `cg:{queue}`:
--   :s:h :s:n :s:l  streams of waiting and active jobs, one group `w`; an entry holds j = job id
--   :j:<id>         the job: n name, d data, l lane, x its entry, a attempts, c crashes, t added,
--                   r ready since, u unique key, e last error, y why it is dead, o result,
--                   z the entry that was ended last, f when it was finished
--   :dly :done :dead  sorted sets by time in ms   :u:<key>  the unfinished job of a unique key
--   :m              counters, reap (the last one), the outbox watermark: g generation, b batch
--   :w              the wake list: tokens for sleeping workers
-- An entry is ended only by the consumer that has it pending: XACK alone would not look. Every
-- redelivery is a new entry, so the entry's id is the fence. Nothing is ever trimmed from a lane.
-- Each function may run twice with the same words and then does nothing the second time.

local LANES = { 'h', 'n', 'l' }
local LEASE, CRASHES, QUIET = 15000, 3, 10000
local BACKOFF_MAX = 3600000
local DONE_AGE, DEAD_AGE, LOG_AGE = 86400000, 2592000000, 600000
local CONSUMER_AGE = 3600000
local WAITING_MAX, TOKENS, ONCE = 1000000, 64, 500

-- While the library is loaded there is neither redis.call nor any global.
local function call(...)
	return redis.call(...)
end

local function pcall_redis(...)
	return redis.pcall(...)
end

local function time()
	local t = call('TIME')
	return t[1] * 1000 + math.floor(t[2] / 1000), tonumber(t[2])
end

local function count(base, field)
	call('HINCRBY', base .. ':m', field, 1)
end

local function stream(base, lane)
	return base .. ':s:' .. lane
end

local function groups(base)
	for _, lane in ipairs(LANES) do
		pcall_redis('XGROUP', 'CREATE', stream(base, lane), 'w', '0', 'MKSTREAM')
	end
end

local function wake(base)
	if call('LLEN', base .. ':w') < TOKENS then
		call('RPUSH', base .. ':w', '1')
	end
end

-- A new entry at the end of the job's lane.
local function ready(base, id, lane, now)
	local entry = call('XADD', stream(base, lane), '*', 'j', id)
	call('HSET', base .. ':j:' .. id, 'x', entry, 'r', now)
	wake(base)
end

local function delay(base, id, due)
	call('ZADD', base .. ':dly', due, id)
	if call('ZRANK', base .. ':dly', id) == 0 then
		call('PUBLISH', 'cg:due', string.match(base, '{(.-)}'))
	end
end

-- Due jobs go to their lanes: how many did, and in how many ms the next is due (-1: none).
local function promote(base, now)
	local due = call('ZRANGEBYSCORE', base .. ':dly', '-inf', now, 'LIMIT', 0, ONCE)
	for _, id in ipairs(due) do
		call('ZREM', base .. ':dly', id)
		local lane = call('HGET', base .. ':j:' .. id, 'l')
		if lane then
			ready(base, id, lane, now)
		end
	end
	local first = call('ZRANGE', base .. ':dly', 0, 0, 'WITHSCORES')
	return #due, first[2] and math.max(0, first[2] - now) or -1
end

local function owned(base, lane, entry, consumer)
	local row = pcall_redis('XPENDING', stream(base, lane), 'w', entry, entry, 1, consumer)
	return not row.err and #row == 1
end

local function remove(base, lane, entry)
	call('XACK', stream(base, lane), 'w', entry)
	call('XDEL', stream(base, lane), entry)
end

local function release(base, id)
	local key = call('HGET', base .. ':j:' .. id, 'u')
	if key and call('GET', base .. ':u:' .. key) == id then
		call('DEL', base .. ':u:' .. key)
	end
end

-- Keeps the newest `keep` of a sorted set of ended jobs.
local function bound(base, set, keep)
	local over = call('ZCARD', base .. set) - keep
	if over > 0 then
		local gone = call('ZPOPMIN', base .. set, math.min(over, ONCE))
		for i = 1, #gone, 2 do
			call('DEL', base .. ':j:' .. gone[i])
		end
	end
end

local function forget_old(base, set, before)
	local old = call('ZRANGEBYSCORE', base .. set, '-inf', before, 'LIMIT', 0, ONCE)
	for _, id in ipairs(old) do
		call('ZREM', base .. set, id)
		call('DEL', base .. ':j:' .. id)
	end
end

local function bury(base, id, why, now, keep)
	release(base, id)
	call('HSET', base .. ':j:' .. id, 'y', why, 'f', now)
	call('ZADD', base .. ':dead', now, id)
	bound(base, ':dead', keep)
	count(base, 'failed')
end

-- A crash is not an attempt: it has a counter of its own. True: the job is dead now.
local function crash(base, id, lane, why, now, keep)
	local crashes = call('HINCRBY', base .. ':j:' .. id, 'c', 1)
	call('HSET', base .. ':j:' .. id, 'e', why)
	count(base, 'crashed')
	if crashes >= CRASHES then
		bury(base, id, 'crash', now, keep)
		return true
	end
	ready(base, id, lane, now)
	return false
end

-- base · 2^(n-1), at most an hour, ±10 % by the job's id and the clock.
local function backoff(id, base_ms, attempt, micros)
	local mix = micros
	for i = 1, #id do
		mix = (mix * 31 + string.byte(id, i)) % 1000003
	end
	local ms = math.min(base_ms * 2 ^ (attempt - 1), BACKOFF_MAX)
	return math.floor(ms * (0.9 + mix % 2001 / 10000))
end

-- ---- adding

local function room(base, wanted)
	local n = call('ZCARD', base .. ':dly') + wanted
	for _, lane in ipairs(LANES) do
		n = n + call('XLEN', stream(base, lane))
	end
	return n <= tonumber(call('HGET', base .. ':m', 'max') or WAITING_MAX)
end

local function add(base, now, id, name, data, lane, delay_ms, unique)
	local job = base .. ':j:' .. id
	if call('EXISTS', job) == 1 then
		return 1
	end
	if unique ~= '' then
		if not call('SET', base .. ':u:' .. unique, id, 'NX') then
			return 2
		end
		call('HSET', job, 'u', unique)
	end
	call('HSET', job, 'n', name, 'd', data, 'l', lane, 't', now)
	count(base, 'added')
	if tonumber(delay_ms) > 0 then
		delay(base, id, now + delay_ms)
	else
		ready(base, id, lane, now)
	end
	return 0
end

-- id, name, data, lane, delay_ms, unique → 0 added, 1 there, 2 not unique, 3 full
local function cg1_add(keys, args)
	if not room(keys[1], 1) then
		return { call('EXISTS', keys[1] .. ':j:' .. args[1]) == 1 and 1 or 3 }
	end
	return { add(keys[1], time(), unpack(args, 1, 6)) }
end

-- 0: go on · 1 it is in already · 2 gap · 3 other generation
local function numbered(base, generation, batch)
	local mark = call('HMGET', base .. ':m', 'g', 'b')
	local last = tonumber(mark[2] or 0)
	if mark[1] and mark[1] ~= generation then
		return 3
	end
	return batch <= last and 1 or batch > last + 1 and 2 or 0
end

local ANSWER = { 0, 1, 2 } -- of numbered() → enum batch_answer; full is 3

-- generation, batch, then six words a job
local function cg1_batch(keys, args)
	local base, batch, now = keys[1], tonumber(args[2]), time()
	local how = numbered(base, args[1], batch)
	if how ~= 0 then
		return { ANSWER[how] }
	end
	if not room(base, (#args - 2) / 6) then
		return { 3 }
	end
	for i = 3, #args, 6 do
		add(base, now, unpack(args, i, i + 5))
	end
	call('HSET', base .. ':m', 'g', args[1], 'b', args[2])
	return { 0 }
end

-- generation, batch, then four words an event: outbox id, room, name, data
local function cg1_publish(keys, args)
	local base, batch, now = keys[1], tonumber(args[2]), time()
	local how = numbered(base, args[1], batch)
	if how ~= 0 then
		return { ANSWER[how] }
	end
	for i = 3, #args, 4 do
		call('XADD', base .. ':log', 'MINID', '~', now - LOG_AGE, '*',
			'i', args[i], 'r', args[i + 1], 'e', args[i + 2], 'd', args[i + 3])
	end
	call('HSET', base .. ':m', 'g', args[1], 'b', args[2])
	return { 0 }
end

-- the generation and batch that must stand there, then the new ones
local function cg1_rebase(keys, args)
	local m = keys[1] .. ':m'
	local mark = call('HMGET', m, 'g', 'b')
	if (mark[1] or '') ~= args[1] or (mark[2] or '0') ~= args[2] then
		return { mark[1] == args[3] and mark[2] == args[4] and 1 or 0 }
	end
	call('HSET', m, 'g', args[3], 'b', args[4])
	return { 1 }
end

-- ---- working

local function take_lane(base, lane, consumer, want, now, out)
	local s = stream(base, lane)
	local got = pcall_redis('XREADGROUP', 'GROUP', 'w', consumer, 'COUNT', want, 'STREAMS', s, '>')
	if got and got.err then -- NOGROUP: Redis was emptied; what is there now is new
		groups(base)
		got = call('XREADGROUP', 'GROUP', 'w', consumer, 'COUNT', want, 'STREAMS', s, '>')
	end
	local taken = 0
	for _, row in ipairs(got and got[1][2] or {}) do
		local entry, id = row[1], row[2][2]
		local j = call('HMGET', base .. ':j:' .. id, 'n', 'd', 'a', 'c', 't', 'r')
		if j[1] then
			taken = taken + 1
			for _, word in ipairs({ lane, entry, id, j[1], j[2], j[3] or '0', j[4] or '0',
				j[5], string.format('%.0f', now - j[6]) }) do
				out[#out + 1] = word
			end
		else
			remove(base, lane, entry)
		end
	end
	return taken
end

local function take(base, consumer, want, now, out)
	if want <= 0 or call('HEXISTS', base .. ':m', 'paused') == 1 then
		return
	end
	for _, lane in ipairs(LANES) do
		want = want - take_lane(base, lane, consumer, want, now, out)
		if want <= 0 then
			return
		end
	end
	call('DEL', base .. ':w') -- nothing waits any more: neither need anybody wake
end

local function finish(base, consumer, lane, entry, id, result, now, keep)
	local job = base .. ':j:' .. id
	if not owned(base, lane, entry, consumer) then
		if call('HGET', job, 'z') == entry and call('ZSCORE', base .. ':done', id) then
			return 1
		end
		count(base, 'lost')
		return 0
	end
	remove(base, lane, entry)
	release(base, id)
	call('HSET', job, 'z', entry, 'f', now, 'o', result)
	call('ZADD', base .. ':done', now, id)
	bound(base, ':done', keep)
	count(base, 'completed')
	return 1
end

-- consumer, want, keep, n, then four words for each finished job: lane, entry, id, result
-- → next due, a 1 (accepted) or 0 for each finished one, then nine words for each job taken
local function cg1_step(keys, args)
	local base, consumer, now = keys[1], args[1], time()
	local out = { 0 }
	for i = 5, 4 + 4 * args[4], 4 do
		out[#out + 1] = finish(base, consumer, args[i], args[i + 1], args[i + 2],
			args[i + 3], now, tonumber(args[3]))
	end
	local _, next_due = promote(base, now)
	out[1] = next_due
	take(base, consumer, tonumber(args[2]), now, out)
	return out
end

local ENDS = {
	fail = function(base, id, lane, f, now, micros)
		local made = call('HINCRBY', base .. ':j:' .. id, 'a', 1)
		if made >= f.attempts then
			bury(base, id, 'attempts', now, f.keep)
			return 2
		end
		count(base, 'retried')
		delay(base, id, now + backoff(id, f.backoff, made, micros))
		return 1
	end,
	dead = function(base, id, lane, f, now)
		call('HINCRBY', base .. ':j:' .. id, 'a', 1)
		bury(base, id, 'dead', now, f.keep)
		return 2
	end,
	snooze = function(base, id, lane, f, now)
		delay(base, id, now + f.delay)
		return 1
	end,
	back = function(base, id, lane, f, now)
		ready(base, id, lane, now)
		return 1
	end,
	crash = function(base, id, lane, f, now)
		return crash(base, id, lane, f.error, now, f.keep) and 2 or 1
	end,
}

-- consumer, lane, entry, id, end, attempts, backoff, delay, keep, error → 0 lost, 1 again, 2 dead
local function cg1_fail(keys, args)
	local base, consumer, lane, entry, id = keys[1], unpack(args, 1, 4)
	local job, now, micros = base .. ':j:' .. id, time()
	local f = { attempts = tonumber(args[6]), backoff = tonumber(args[7]),
		delay = tonumber(args[8]), keep = tonumber(args[9]), error = args[10] }
	if not owned(base, lane, entry, consumer) then
		if call('HGET', job, 'z') == entry then
			return { call('ZSCORE', base .. ':dead', id) and 2 or 1 }
		end
		count(base, 'lost')
		return { 0 }
	end
	remove(base, lane, entry)
	call('HSET', job, 'z', entry)
	if f.error ~= '' then
		call('HSET', job, 'e', f.error)
	end
	return { ENDS[args[5]](base, id, lane, f, now, micros) }
end

local function id_of(base, lane, entry)
	local row = call('XRANGE', stream(base, lane), entry, entry)
	return row[1] and row[1][2][2]
end

-- consumer, then lane and entry of each lease → orphans, then a 1 (kept) or 0 for each
local function cg1_beat(keys, args)
	local base, consumer, now = keys[1], args[1], time()
	local out, named = { 0 }, {}
	for i = 2, #args, 2 do
		local kept = owned(base, args[i], args[i + 1], consumer)
		if kept then
			call('XCLAIM', stream(base, args[i]), 'w', consumer, 0, args[i + 1], 'JUSTID')
		end
		named[args[i] .. args[i + 1]] = true
		out[#out + 1] = kept and 1 or 0
	end
	for _, lane in ipairs(LANES) do
		local mine = pcall_redis('XPENDING', stream(base, lane), 'w', '-', '+', ONCE, consumer)
		for _, row in ipairs(mine.err and {} or mine) do
			if not named[lane .. row[1]] then
				local id = id_of(base, lane, row[1])
				remove(base, lane, row[1])
				if id then
					ready(base, id, lane, now)
				end
				out[1] = out[1] + 1
			end
		end
	end
	return out
end

local function forget_consumers(base, lane)
	local s = stream(base, lane)
	local all = pcall_redis('XINFO', 'CONSUMERS', s, 'w')
	for _, c in ipairs(all.err and {} or all) do -- name, _, pending, _, idle, _
		if c[4] == 0 and c[6] > CONSUMER_AGE then
			call('XGROUP', 'DELCONSUMER', s, 'w', c[2])
		end
	end
end

-- keep → how many leases had run out
local function cg1_reap(keys, args)
	local base, now, reaped = keys[1], time(), 0
	local before = call('HGET', base .. ':m', 'reap')
	call('HSET', base .. ':m', 'reap', now)
	if before and now - before > QUIET then
		return { 0 } -- Redis was frozen or away: first let those who live renew their leases
	end
	for _, lane in ipairs(LANES) do
		local late = pcall_redis('XPENDING', stream(base, lane), 'w', 'IDLE', LEASE, '-', '+', ONCE)
		for _, row in ipairs(late.err and {} or late) do
			local id = id_of(base, lane, row[1])
			remove(base, lane, row[1])
			if id then
				reaped = reaped + 1
				crash(base, id, lane, 'its worker was gone', now, tonumber(args[1]))
			end
		end
		forget_consumers(base, lane)
	end
	forget_old(base, ':done', now - DONE_AGE)
	forget_old(base, ':dead', now - DEAD_AGE)
	return { reaped }
end

local function cg1_tick(keys, args)
	return { promote(keys[1], (time())) }
end

local function cg1_wake(keys, args)
	wake(keys[1])
	return { 0 }
end

-- ---- for people

local function pending(s)
	local row = pcall_redis('XPENDING', s, 'w')
	return row.err and 0 or row[1]
end

-- Entries of a lane that nobody has taken.
local function waiting(s, limit)
	local groups_of, last = pcall_redis('XINFO', 'GROUPS', s), '0-0'
	if groups_of.err then
		return {}
	end
	if groups_of[1] then -- name, _, consumers, _, pending, _, last-delivered-id, _
		last = groups_of[1][8]
	end
	return call('XRANGE', s, '(' .. last, '+', 'COUNT', limit)
end

local COUNTERS = { 'added', 'completed', 'failed', 'retried', 'crashed', 'lost' }

-- waiting, active, delayed, done, dead, age of the oldest waiting one, then COUNTERS
local function cg1_stats(keys, args)
	local base, now = keys[1], time()
	local wait, active, oldest = 0, 0, 0
	for _, lane in ipairs(LANES) do
		local s = stream(base, lane)
		local busy, first = pending(s), waiting(s, 1)[1]
		active = active + busy
		wait = wait + call('XLEN', s) - busy
		if first then
			oldest = math.max(oldest, now - string.match(first[1], '^%d+'))
		end
	end
	local out = { wait, active, call('ZCARD', base .. ':dly'), call('ZCARD', base .. ':done'),
		call('ZCARD', base .. ':dead'), oldest }
	for _, field in ipairs(COUNTERS) do
		out[#out + 1] = tonumber(call('HGET', base .. ':m', field) or 0)
	end
	return out
end

local function state_of(base, id, lane, entry)
	for set, state in pairs({ [':dly'] = 'delayed', [':done'] = 'done', [':dead'] = 'dead' }) do
		local score = call('ZSCORE', base .. set, id)
		if score then
			return state, score
		end
	end
	local row = pcall_redis('XPENDING', stream(base, lane), 'w', entry, entry, 1)
	return not row.err and #row == 1 and 'active' or 'waiting', '0'
end

-- id, name, state, lane, data, error, reason, result, unique, attempts, crashes, added, due, ended
local function view(base, id, out)
	local j = call('HMGET', base .. ':j:' .. id, 'n', 'l', 'd', 'e', 'y', 'o', 'u', 'a', 'c', 't', 'f', 'x')
	if not j[1] then
		return
	end
	local state, score = state_of(base, id, j[2], j[12] or '0-0')
	for _, word in ipairs({ id, j[1], state, j[2], j[3], j[4] or '',
		state == 'dead' and j[5] or '', j[6] or '', j[7] or '', j[8] or '0', j[9] or '0', j[10],
		state == 'delayed' and score or '0', j[11] or '0' }) do
		out[#out + 1] = word
	end
end

local function from_set(base, set, newest_first, limit, out)
	for _, id in ipairs(call(newest_first and 'ZREVRANGE' or 'ZRANGE', base .. set, 0, limit - 1)) do
		view(base, id, out)
	end
end

-- state, limit → fourteen words a job, as view() has them
local function cg1_list(keys, args)
	local base, state, limit, out = keys[1], args[1], tonumber(args[2]), {}
	if state == 'delayed' then
		from_set(base, ':dly', false, limit, out)
	elseif state == 'done' or state == 'dead' then
		from_set(base, ':' .. state, true, limit, out)
	else
		for _, lane in ipairs(LANES) do
			local s = stream(base, lane)
			local rows = state == 'waiting' and waiting(s, limit) or
				pcall_redis('XPENDING', s, 'w', '-', '+', limit)
			for _, row in ipairs(rows.err and {} or rows) do
				local id = id_of(base, lane, row[1])
				if id and #out < limit * 14 then
					view(base, id, out)
				end
			end
		end
	end
	return out
end

local function cg1_show(keys, args)
	local out = {}
	view(keys[1], args[1], out)
	return out
end

-- id → 0 it waits again, 1 there is none, 2 it is neither dead nor delayed
local function cg1_retry(keys, args)
	local base, id = keys[1], args[1]
	local j = call('HMGET', base .. ':j:' .. id, 'l', 'u')
	if not j[1] then
		return { 1 }
	end
	if call('ZREM', base .. ':dly', id) == 0 then
		if not call('ZSCORE', base .. ':dead', id) or
			j[2] and not call('SET', base .. ':u:' .. j[2], id, 'NX') then
			return { 2 }
		end
		call('ZREM', base .. ':dead', id)
	end
	call('HDEL', base .. ':j:' .. id, 'a', 'c', 'y', 'f')
	ready(base, id, j[1], (time()))
	return { 0 }
end

-- Ending jobs must work when Redis is full: it is what makes room.
local FUNCTIONS = {
	{ 'cg1_add', cg1_add, {} }, { 'cg1_batch', cg1_batch, {} },
	{ 'cg1_publish', cg1_publish, {} }, { 'cg1_rebase', cg1_rebase, { 'allow-oom' } },
	{ 'cg1_step', cg1_step, { 'allow-oom' } }, { 'cg1_fail', cg1_fail, { 'allow-oom' } },
	{ 'cg1_beat', cg1_beat, { 'allow-oom' } }, { 'cg1_reap', cg1_reap, { 'allow-oom' } },
	{ 'cg1_tick', cg1_tick, { 'allow-oom' } }, { 'cg1_wake', cg1_wake, { 'allow-oom' } },
	{ 'cg1_stats', cg1_stats, { 'no-writes' } }, { 'cg1_list', cg1_list, { 'no-writes' } },
	{ 'cg1_show', cg1_show, { 'no-writes' } }, { 'cg1_retry', cg1_retry, {} },
}
for i = 1, #FUNCTIONS do
	local f = FUNCTIONS[i]
	redis.register_function({ function_name = f[1], callback = f[2], flags = f[3] })
end
