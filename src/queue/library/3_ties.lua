-- ---- ties: what holds jobs together. Options, all of them optional:
--   unique `for` or `last`, unique_ms · attempts, backoff `fixed` or `exponential`, backoff_ms
--   keep_done, keep_dead (-1: not at all, else so many of its name that say so), keep_done_ms,
--   keep_dead_ms (of its own age)
--   key, limit · batch, total, final · owner, trace

local function final_must_wait(base, o)
	if not o.final then
		return false
	end
	return tonumber(call('GET', base .. ':b:' .. o.batch) or 0) < (o.total or 0)
end

-- What is counted of a batch stays for as long as somebody is in it, and BATCH_AGE longer.
local function settle_batch(base, batch)
	local ended, refused = base .. ':b:' .. batch, base .. ':bx:' .. batch
	if call('EXISTS', base .. ':bm:' .. batch, base .. ':bf:' .. batch) > 0 then
		call('PERSIST', ended)
		call('PERSIST', refused)
	else
		call('PEXPIRE', ended, BATCH_AGE)
		call('PEXPIRE', refused, BATCH_AGE)
	end
end

-- Its final job goes on. When nobody is left in it, its id is free for another batch.
local function close_batch(base, o)
	local batch = o.batch
	if (o.total or 0) > 0 and
		call('EXISTS', base .. ':bm:' .. batch, base .. ':bf:' .. batch) == 0 then
		call('DEL', base .. ':b:' .. batch, base .. ':bx:' .. batch)
	end
end

-- A job that nothing holds back but its batch and its time goes where it belongs.
local function place(base, now, id, lane, due, o)
	if final_must_wait(base, o) then
		call('HSET', job_of(base, id), 'v', due)
		call('SADD', base .. ':bf:' .. o.batch, id)
		settle_batch(base, o.batch)
		return block(base, now, id, 'batch')
	elseif o.final then
		close_batch(base, o)
	end
	if due > now then
		delay(base, id, due)
	else
		ready(base, id, lane)
	end
end

local function release(base, now, id)
	local j = call('HMGET', job_of(base, id), 'l', 'v', 'p')
	local o = options_of(j[3])
	unblock(base, id)
	if o.final then
		call('SREM', base .. ':bf:' .. o.batch, id)
	end
	if j[1] then
		place(base, now, id, j[1], tonumber(j[2] or 0), o)
	end
end

-- ---- unique keys

local function free_unique(base, now, id, unique, o, forgotten)
	local at, job = base .. ':u:' .. unique, job_of(base, id)
	if call('GET', at) ~= id then
		return
	end
	local after = call('HGET', job, 'k')
	if after then
		call('HDEL', job, 'k')
		call('SET', at, after)
		release(base, now, after)
	elseif forgotten or o.unique ~= 'for' then
		call('DEL', at)
	end
end

-- The job no longer comes after the one that has its key; whose time, if it had one, goes on.
local function unfollow(base, id, unique)
	local at = base .. ':u:' .. unique
	local holder = call('GET', at)
	local h = holder and call('HMGET', job_of(base, holder), 'k', 't', 'p')
	if not h or h[1] ~= id then
		return
	end
	local o = options_of(h[3])
	call('HDEL', job_of(base, holder), 'k')
	if o.unique == 'for' then
		call('PEXPIREAT', at, h[2] + o.unique_ms)
	end
end

-- ---- keys of concurrency: a job that is let go from the line has its place already, so that
-- those of its key that come later cannot overtake it in the lane

local function key_limit(o)
	return o.limit or 1
end

-- Places of jobs that neither run nor wait: their release was lost.
local function drop_stale(base, places)
	for _, id in ipairs(call('SRANDMEMBER', places, LOOKS)) do
		local state = look_up(base, id)
		if state ~= 'active' and state ~= 'waiting' then
			call('SREM', places, id)
		end
	end
end

local function next_of_key(base, key)
	local places, line = base .. ':k:' .. key, base .. ':kq:' .. key
	for _ = 1, ONCE do
		local id = call('ZRANGE', line, 0, 0)[1]
		if not id then
			return
		end
		local j = call('HMGET', job_of(base, id), 'l', 'p', 'b')
		if j[3] == 'key' then
			if call('SCARD', places) >= key_limit(options_of(j[2])) then
				return
			end
			call('SADD', places, id)
			unblock(base, id)
			ready(base, id, j[1])
		end
		call('ZREM', line, id)
	end
end

local function stand_in_line(line, id)
	local last = call('ZRANGE', line, -1, -1, 'WITHSCORES')
	call('ZADD', line, 'NX', (last[2] or 0) + 1, id)
end

local function enter_key(base, now, id, o)
	local places, line = base .. ':k:' .. o.key, base .. ':kq:' .. o.key
	if call('SISMEMBER', places, id) == 1 then
		return true
	end
	if call('SCARD', places) >= key_limit(o) then
		drop_stale(base, places)
	end
	next_of_key(base, o.key)
	if call('SCARD', places) < key_limit(o) then
		call('SADD', places, id)
		return true
	end
	stand_in_line(line, id)
	block(base, now, id, 'key')
	return false
end

local function leave_key(base, id, o)
	if o.key and call('SREM', base .. ':k:' .. o.key, id) == 1 then
		next_of_key(base, o.key)
	end
end

-- ---- batches

local function join_batch(base, id, o)
	if not o.batch or o.final or call('SISMEMBER', base .. ':bx:' .. o.batch, id) == 1 then
		return
	end
	call('SADD', base .. ':bm:' .. o.batch, id)
	settle_batch(base, o.batch)
end

local function member_ended(base, now, batch)
	local ended = call('INCR', base .. ':b:' .. batch)
	local waiting = call('SRANDMEMBER', base .. ':bf:' .. batch, ONCE)
	table.sort(waiting)
	for _, final in ipairs(waiting) do
		if ended >= (options_of(call('HGET', job_of(base, final), 'p')).total or 0) then
			release(base, now, final)
		end
	end
	settle_batch(base, batch)
end

local function leave_batch(base, now, id, o)
	if o.final then
		call('SREM', base .. ':bf:' .. o.batch, id)
		settle_batch(base, o.batch)
	elseif call('SREM', base .. ':bm:' .. o.batch, id) == 1 then
		member_ended(base, now, o.batch)
	end
end

-- A member that is not added, since another job has its unique key, has ended: once, however
-- often that is tried, and also when it is added later.
local function refuse_member(base, now, id, o)
	if o.batch and not o.final and call('SADD', base .. ':bx:' .. o.batch, id) == 1 then
		member_ended(base, now, o.batch)
	end
end

-- The job has ended, in whatever way: nothing waits for it any more.
local function untie(base, now, id, unique, o, forgotten)
	if unique then
		free_unique(base, now, id, unique, o, forgotten)
	end
	leave_key(base, id, o)
	if o.batch then
		leave_batch(base, now, id, o)
	end
end

-- A job out of the place where it is, unless it is active.
local function pull(base, id, state, lane, entry, unique, o)
	if state == 'waiting' then
		return leave_lane(base, lane, entry)
	elseif state == 'nowhere' then
		return
	end
	leave_ended(base, SETS[state], id)
	if state ~= 'blocked' then
		return
	end
	call('HDEL', job_of(base, id), 'b')
	if o.key then
		call('ZREM', base .. ':kq:' .. o.key, id)
	end
	if unique then
		unfollow(base, id, unique)
	end
end

local function remove(base, now, id, state)
	local j = call('HMGET', job_of(base, id), 'l', 'x', 'u', 'p')
	local o = options_of(j[4])
	pull(base, id, state, j[1], j[2], j[3], o)
	untie(base, now, id, j[3], o, true)
	forget(base, id)
end
