-- ---- working

-- The words that take() answers for a job: lane, entry, id, n, d, a, c, t, ms in the lane, p, g.
-- nil: the entry is a ghost, or its job is in line for its key now.
local function begin(base, now, lane, entry, id, out)
	local j = call('HMGET', job_of(base, id), 'n', 'd', 'a', 'c', 't', 'p', 'g')
	if not j[1] then
		return leave_lane(base, lane, entry)
	end
	local o = options_of(j[6])
	if o.key and not enter_key(base, now, id, o) then
		return leave_lane(base, lane, entry)
	end
	local waited = math.max(0, now - string.match(entry, '^%d+'))
	local n = #out
	out[n + 1], out[n + 2], out[n + 3], out[n + 4], out[n + 5] = lane, entry, id, j[1], j[2]
	out[n + 6], out[n + 7], out[n + 8] = j[3] or '0', j[4] or '0', j[5]
	out[n + 9], out[n + 10], out[n + 11] = string.format('%.0f', waited), j[6] or '', j[7] or ''
	return true
end

local function read_lane(base, lane, consumer, most)
	local s = stream(base, lane)
	local got = try('XREADGROUP', 'GROUP', 'w', consumer, 'COUNT', most, 'STREAMS', s, '>')
	if got and got.err then -- NOGROUP: Redis was emptied; what is there now is new
		groups(base)
		got = call('XREADGROUP', 'GROUP', 'w', consumer, 'COUNT', most, 'STREAMS', s, '>')
	end
	return got and got[1][2] or {}
end

-- How many jobs of that lane were begun; also whether it was left before it was empty, because
-- ONCE entries were looked at.
local function take_lane(base, now, lane, consumer, want, out)
	local begun, seen, rows = 0, 0, nil
	repeat
		local most = want - begun
		rows = read_lane(base, lane, consumer, most)
		for _, row in ipairs(rows) do
			if begin(base, now, lane, row[1], row[2][2], out) then
				begun = begun + 1
			end
		end
		seen = seen + #rows
	until #rows < most or begun == want or seen >= ONCE
	return begun, begun < want and seen >= ONCE
end

-- Tokens in the bucket, which holds `rate` and fills within `ms`.
local function tokens(now, rate, ms, left, since)
	if not left or since > now + ms then -- never filled, or by a clock that was ahead
		return rate
	end
	return math.min(rate, left + math.max(0, now - since) * rate / ms)
end

-- An operator's limit wins over the row's, which comes with the call; 0 is none.
local function limit(mine, rows)
	return tonumber(mine or rows or 0)
end

-- What may begin now: how many jobs, and with a rate its bucket.
local function allowance(base, now, want, c, rows)
	local most, rate, ms = limit(c[2], rows[1]), limit(c[3], rows[2]), limit(c[4], rows[3])
	if most > 0 then
		want = math.min(want, most - active(base))
	end
	if rate <= 0 or ms <= 0 then
		return want
	end
	local left = tokens(now, rate, ms, tonumber(c[5]), tonumber(c[6]))
	return math.min(want, math.floor(left + 1e-6)), { rate = rate, ms = ms, left = left }
end

-- In how many ms there is a token again; nil: there is one.
local function spend(base, now, bucket, begun)
	local left = bucket.left - begun
	if begun > 0 then
		call('HSET', base .. ':c', 'tokens', string.format('%.6f', left), 'since', now)
	end
	return left + 1e-6 < 1 and math.ceil((1 - left) * bucket.ms / bucket.rate) or nil
end

-- How many takes of a queue found enough. It is no harm when Redis forgets them.
local turns = {}

-- Jobs for the consumer; in how many ms it is to come again, if it is. Every sixteenth take of a
-- busy queue begins at the other end, so that no lane starves.
local function take(base, now, consumer, want, rows, out)
	local c = call('HMGET', base .. ':c', 'paused', 'concurrency', 'rate', 'rate_ms', 'tokens',
		'since')
	local may, bucket = allowance(base, now, c[1] and 0 or want, c, rows)
	local turn, left, again = turns[base] or 0, may, nil
	local order = turn % TURN == TURN - 1 and BACKWARDS or LANES
	for _, lane in ipairs(order) do
		if left > 0 then
			local begun, more = take_lane(base, now, lane, consumer, left, out)
			left, again = left - begun, more and 0 or again
		end
	end
	if left > 0 or may < want then
		call('DEL', base .. ':w') -- nothing more may begin now: neither need anybody wake
	end
	if left <= 0 and may > 0 then
		turns[base] = turn + 1
	end
	if bucket then
		again = again or spend(base, now, bucket, math.max(0, may - left))
	end
	return again
end

-- 1 accepted, 0 refused; and whether it was ended by this very call.
local function finish(base, now, consumer, lane, entry, id, result)
	local job = job_of(base, id)
	local idle = owned(base, lane, entry, consumer)
	if not idle then
		if answered(base, id, entry) == DONE then
			return 1
		end
		count(base, 'lost')
		return 0
	end
	leave_lane(base, lane, entry)
	local j = call('HMGET', job, 'n', 'u', 'p', 's', 'e')
	if not j[1] then
		return 1, true
	elseif j[5] then
		drop_error(base, id)
	end
	call('HSET', job, 'z', entry, 'f', now, 'o', result, 's', j[4] or now - idle)
	if not j[2] and not j[3] then
		call('ZADD', base .. ':done', now, id)
		return 1, true
	end
	local o = options_of(j[3])
	untie(base, now, id, j[2], o)
	keep(base, now, id, ':done', o.keep_done, o.keep_done_ms, entry .. ' ' .. DONE)
	return 1, true
end

local function finish_all(base, now, consumer, args, out)
	local ended = 0
	for i = 5, 4 + 4 * args[4], 4 do
		local accepted, now_ended = finish(base, now, consumer, args[i], args[i + 1], args[i + 2],
			args[i + 3])
		ended = ended + (now_ended and 1 or 0)
		out[#out + 1] = accepted
	end
	if ended > 0 then
		bound(base, ':done', tonumber(args[3]))
		count(base, 'completed', ended)
	end
	return ended
end

-- consumer, want, keep, n, then four words for each finished job: lane, entry, id, result, then
-- the row's concurrency, rate, rate_ms → next due, a 1 (accepted) or 0 for each finished one,
-- then the words of begin() for each job taken
local function step(keys, args)
	local base, consumer, now = keys[1], args[1], time()
	local out, want = { 0 }, tonumber(args[2])
	local ended = finish_all(base, now, consumer, args, out)
	local before, rows = #out, { unpack(args, 5 + 4 * args[4]) }
	local _, next_due = promote(base, now)
	if want > 0 then
		local again = take(base, now, consumer, want, rows, out)
		if again and (next_due < 0 or again < next_due) then
			next_due = again
		end
	end
	if ended > #out - before and limit(call('HGET', base .. ':c', 'concurrency'), rows[1]) > 0 then
		wake(base) -- somebody else may begin one instead
	end
	out[1] = next_due
	return out
end

-- consumer, since cg2 keep of done ones, then lane, entry (and since cg2 id) of each lease →
-- orphans, then for each lease 0 lost, 1 kept, 2 kept and to be cancelled
local function beat(keys, args, words)
	local base, consumer, now = keys[1], args[1], time()
	local out, named, first, keep_done = { 0 }, {}, 2, KEEP
	if words == 3 then
		first, keep_done = 3, tonumber(args[2])
	end
	for i = first, #args, words do
		local lane, entry, id = args[i], args[i + 1], words == 3 and args[i + 2]
		local idle = owned(base, lane, entry, consumer)
		if idle then
			if id then
				call('HSETNX', job_of(base, id), 's', now - idle)
			end
			call('XCLAIM', stream(base, lane), 'w', consumer, 0, entry, 'JUSTID')
		end
		named[lane .. entry] = true
		out[#out + 1] = not idle and 0 or
			id and call('HEXISTS', job_of(base, id), 'w') == 1 and 2 or 1
	end
	for _, lane in ipairs(LANES) do
		local mine = try('XPENDING', stream(base, lane), 'w', '-', '+', ONCE, consumer)
		for _, row in ipairs(mine.err and {} or mine) do
			if not named[lane .. row[1]] then
				local id = id_of(base, lane, row[1])
				leave_lane(base, lane, row[1])
				if id then
					end_entry(base, now, id, lane, 'back', { entry = row[1], idle = row[3],
						keep_done = keep_done })
				end
				out[1] = out[1] + 1
			end
		end
	end
	return out
end

-- consumer, lane, entry, id, then what is said of the job → 1, or 0 when the lease is lost
local function progress(keys, args)
	if not owned(keys[1], args[2], args[3], args[1]) then
		return { 0 }
	end
	call('HSET', job_of(keys[1], args[4]), 'g', args[5])
	return { 1 }
end

local function log(keys, args)
	local now = time()
	if not owned(keys[1], args[2], args[3], args[1]) then
		return { 0 }
	end
	for i = 5, #args do
		note(keys[1], args[4], now, args[i])
	end
	return { 1 }
end

local function forget_consumers(base, lane)
	local s = stream(base, lane)
	local all = try('XINFO', 'CONSUMERS', s, 'w')
	for _, c in ipairs(all.err and {} or all) do -- name, _, pending, _, idle, _
		if c[4] == 0 and c[6] > CONSUMER_AGE then
			call('XGROUP', 'DELCONSUMER', s, 'w', c[2])
		end
	end
end

-- Some of the blocked, another part each time: those whose release was lost go on.
local function heal_blocked(base, now, micros)
	local n = call('ZCARD', base .. ':blk')
	local from = n > LOOKS and micros % n or 0
	for _, id in ipairs(call('ZRANGE', base .. ':blk', from, from + LOOKS - 1)) do
		local j = call('HMGET', job_of(base, id), 'b', 'p')
		local o = options_of(j[2])
		if j[1] == 'key' then
			drop_stale(base, base .. ':k:' .. o.key)
			next_of_key(base, o.key)
		elseif j[1] == 'batch' then
			release(base, now, id)
		end
	end
end

-- Some of the delayed, another part each time: what was put off while the clock was ahead is due
-- as long after now as it was to be after then.
local function heal_delayed(base, now, micros)
	local n = call('ZCARD', base .. ':dly')
	local from = n > LOOKS and micros % n or 0
	local rows = call('ZRANGE', base .. ':dly', from, from + LOOKS - 1, 'WITHSCORES')
	for i = 1, #rows, 2 do
		local j = call('HMGET', job_of(base, rows[i]), 't', 'i')
		local since = tonumber(j[2] or j[1] or 0)
		if since > now + QUIET then
			call('HSET', job_of(base, rows[i]), 'i', now)
			delay(base, rows[i], string.format('%.0f', now + math.max(0, rows[i + 1] - since)))
		end
	end
end

-- keep of failed ones; since cg2 of done ones → how many leases had run out
local function reap(keys, args)
	local base, reaped = keys[1], 0
	local now, micros = time()
	local before = call('HGET', base .. ':m', 'reap')
	call('HSET', base .. ':m', 'reap', now)
	if before and now - before > QUIET then
		return { 0 } -- Redis was frozen or away: first let those who live renew their leases
	end
	for _, lane in ipairs(LANES) do
		local late = try('XPENDING', stream(base, lane), 'w', 'IDLE', LEASE, '-', '+', ONCE)
		for _, row in ipairs(late.err and {} or late) do
			local id = id_of(base, lane, row[1])
			leave_lane(base, lane, row[1])
			if id then
				reaped = reaped + 1
				end_entry(base, now, id, lane, 'crash', { error = 'its worker was gone',
					keep = tonumber(args[1]), keep_done = tonumber(args[2] or KEEP),
					entry = row[1], idle = row[3] })
			end
		end
		forget_consumers(base, lane)
	end
	heal_blocked(base, now, micros)
	heal_delayed(base, now, micros)
	forget_old(base, ':done', now - DONE_AGE)
	forget_old(base, ':cancelled', now - DONE_AGE)
	forget_old(base, ':dead', now - DEAD_AGE)
	forget_outlived(base, now)
	return { reaped }
end

local function tick(keys)
	return { promote(keys[1], (time())) }
end

local function wake_one(keys)
	wake(keys[1])
	return { 0 }
end
