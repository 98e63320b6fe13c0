-- ---- adding

local function room(base, wanted)
	local n = call('ZCARD', base .. ':dly') + call('ZCARD', base .. ':blk') + wanted
	for _, lane in ipairs(LANES) do
		n = n + call('XLEN', stream(base, lane))
	end
	return n <= tonumber(call('HGET', base .. ':m', 'max') or WAITING_MAX)
end

local ADDED, THERE, NOT_UNIQUE, FULL, REPLACED, KEPT = 0, 1, 2, 3, 4, 5 -- enum add_answer

-- unique `last`, and another one has the key. It waits: it gets the new data. It runs, or did
-- and has one after it already: the new one comes after it now.
local function follow(base, now, id, name, data, unique, at)
	local holder = call('GET', at)
	local j = call('HMGET', job_of(base, holder), 'u', 'k')
	local state, after = j[1] == unique and look_up(base, holder), j[2]
	if not state then
		return NOT_UNIQUE -- it has ended and left; its time has not
	elseif after then
		remove(base, now, after, 'blocked')
	elseif state == 'waiting' or state == 'delayed' or state == 'blocked' then
		call('HSET', job_of(base, holder), 'n', name, 'd', data)
		return REPLACED
	elseif state ~= 'active' then
		return NOT_UNIQUE
	end
	call('SET', at, holder) -- without a time, that the new one be found
	call('HSET', job_of(base, holder), 'k', id)
	return KEPT
end

local function claim(base, now, id, name, data, unique, o)
	local at = base .. ':u:' .. unique
	if o.unique == 'for' then
		return call('SET', at, id, 'NX', 'PX', o.unique_ms) and ADDED or NOT_UNIQUE
	elseif call('SET', at, id, 'NX') then
		return ADDED
	end
	return o.unique == 'last' and follow(base, now, id, name, data, unique, at) or NOT_UNIQUE
end

local function add(base, now, id, name, data, lane, delay_ms, unique, packed)
	local job, answer = job_of(base, id), ADDED
	if call('EXISTS', job) == 1 and not outlived(base, now, id) then
		return THERE
	end
	local fields, o = { 'n', name, 'd', data, 'l', lane, 't', now }, NONE
	if packed and packed ~= '' then
		o = cjson.decode(packed)
		fields[9], fields[10] = 'p', packed
	end
	if unique ~= '' then
		answer = claim(base, now, id, name, data, unique, o)
		if answer ~= ADDED and answer ~= KEPT then
			refuse_member(base, now, id, o)
			return answer
		end
		fields[#fields + 1] = 'u'
		fields[#fields + 1] = unique
	end
	if answer == ADDED and delay_ms == '0' and not o.final then -- as place(), for the many
		fields[#fields + 1] = 'x'
		fields[#fields + 1] = enter_lane(base, id, lane)
	end
	call('HSET', job, unpack(fields))
	count(base, 'added')
	join_batch(base, id, o)
	if answer == KEPT then
		call('HSET', job, 'v', now + delay_ms)
		block(base, now, id, 'last')
	elseif fields[#fields - 1] ~= 'x' then
		place(base, now, id, lane, now + delay_ms, o)
	end
	return answer
end

-- id, name, data, lane, delay_ms, unique; since cg2: options → enum add_answer
local function add_one(keys, args)
	if not room(keys[1], 1) then
		return { call('EXISTS', job_of(keys[1], args[1])) == 1 and THERE or FULL }
	end
	return { add(keys[1], (time()), unpack(args, 1, 7)) }
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

-- generation, batch, then the words of add_one for each job
local function add_batch(keys, args, words)
	local base, batch, now = keys[1], tonumber(args[2]), time()
	local how = numbered(base, args[1], batch)
	if how ~= 0 then
		return { ANSWER[how] }
	end
	if not room(base, (#args - 2) / words) then
		return { 3 }
	end
	for i = 3, #args, words do
		add(base, now, unpack(args, i, i + words - 1))
	end
	call('HSET', base .. ':m', 'g', args[1], 'b', args[2])
	return { 0 }
end

-- generation, batch, then four words an event: outbox id, room, name, data. What the room
-- 'control' is told is for the relays themselves.
local function publish(keys, args)
	local base, batch, now = keys[1], tonumber(args[2]), time()
	local how = numbered(base, args[1], batch)
	if how ~= 0 then
		return { ANSWER[how] }
	end
	for i = 3, #args, 4 do
		call('XADD', base .. ':log', 'MINID', '~', now - LOG_AGE, '*',
			'i', args[i], 'r', args[i + 1], 'e', args[i + 2], 'd', args[i + 3],
			unpack(args[i + 1] == 'control' and { 'k', 'control' } or NONE))
	end
	call('HSET', base .. ':m', 'g', args[1], 'b', args[2])
	return { 0 }
end

-- room, name, data of an event that may be lost
local function tell(keys, args)
	call('XADD', keys[1] .. ':log', 'MINID', '~', time() - LOG_AGE, '*',
		'r', args[1], 'e', args[2], 'd', args[3], 'k', 'volatile')
	return { 0 }
end

-- the generation and batch that must stand there, then the new ones
local function rebase(keys, args)
	local m = keys[1] .. ':m'
	local mark = call('HMGET', m, 'g', 'b')
	if (mark[1] or '') ~= args[1] or (mark[2] or '0') ~= args[2] then
		return { mark[1] == args[3] and mark[2] == args[4] and 1 or 0 }
	end
	call('HSET', m, 'g', args[3], 'b', args[4])
	return { 1 }
end
