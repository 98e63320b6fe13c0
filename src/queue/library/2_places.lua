-- ---- places: where a job can be, and the ways in and out

local function groups(base)
	for _, lane in ipairs(LANES) do
		try('XGROUP', 'CREATE', stream(base, lane), 'w', '0', 'MKSTREAM')
	end
end

-- A new entry at the end of a lane. Its id is made of the clock: ready since then.
local function enter_lane(base, id, lane)
	wake(base)
	return call('XADD', stream(base, lane), '*', 'j', id)
end

local function ready(base, id, lane)
	call('HSET', job_of(base, id), 'x', enter_lane(base, id, lane))
end

local function delay(base, id, due)
	call('ZADD', base .. ':dly', due, id)
	if call('ZRANK', base .. ':dly', id) == 0 then
		call('PUBLISH', 'cg:due', string.match(base, '{(.-)}'))
	end
end

-- Due jobs go to their lanes: how many did, and in how many ms the next is due (-1: none).
local function promote(base, now)
	local first = call('ZRANGE', base .. ':dly', 0, 0, 'WITHSCORES')
	if not first[2] then
		return 0, -1
	elseif tonumber(first[2]) > now then
		return 0, first[2] - now
	end
	local due = call('ZRANGEBYSCORE', base .. ':dly', '-inf', now, 'LIMIT', 0, ONCE)
	for _, id in ipairs(due) do
		call('ZREM', base .. ':dly', id)
		local lane = call('HGET', job_of(base, id), 'l')
		if lane then
			ready(base, id, lane)
		end
	end
	first = call('ZRANGE', base .. ':dly', 0, 0, 'WITHSCORES')
	return #due, first[2] and math.max(0, first[2] - now) or -1
end

-- The ms since the consumer got this entry or renewed its lease; nil: it is not his.
local function owned(base, lane, entry, consumer)
	local row = try('XPENDING', stream(base, lane), 'w', entry, entry, 1, consumer)
	return not row.err and row[1] and row[1][3] or nil
end

local function leave_lane(base, lane, entry)
	call('XACK', stream(base, lane), 'w', entry)
	call('XDEL', stream(base, lane), entry)
end

local function pending(s)
	local row = try('XPENDING', s, 'w')
	return row.err and 0 or row[1]
end

local function active(base)
	local n = 0
	for _, lane in ipairs(LANES) do
		n = n + pending(stream(base, lane))
	end
	return n
end

local function id_of(base, lane, entry)
	local row = call('XRANGE', stream(base, lane), entry, entry)
	return row[1] and row[1][2][2]
end

local SETS = { delayed = ':dly', blocked = ':blk', completed = ':done', failed = ':dead',
	cancelled = ':cancelled' }
local STATES = { 'delayed', 'blocked', 'failed', 'completed', 'cancelled' }
local ENDED = { ':done', ':dead', ':cancelled' }

-- The state of a job whose lane and entry are these; 'nowhere' is a fault. Also its time in the
-- sorted set, or for how many ms an active one has had its lease.
local function state_of(base, id, lane, entry)
	if lane and entry and id_of(base, lane, entry) == id then
		local row = try('XPENDING', stream(base, lane), 'w', entry, entry, 1)
		local taken = not row.err and row[1]
		return taken and 'active' or 'waiting', taken and taken[3] or 0
	end
	for _, state in ipairs(STATES) do
		local score = call('ZSCORE', base .. SETS[state], id)
		if score then
			return state, score
		end
	end
	return 'nowhere', 0
end

local function look_up(base, id)
	local j = call('HMGET', job_of(base, id), 'n', 'l', 'x')
	return j[1] and state_of(base, id, j[2], j[3])
end

local function block(base, now, id, why)
	call('ZADD', base .. ':blk', now, id)
	call('HSET', job_of(base, id), 'b', why)
end

local function unblock(base, id)
	call('ZREM', base .. ':blk', id)
	call('HDEL', job_of(base, id), 'b', 'v')
end

local function forget(base, id)
	call('DEL', job_of(base, id), base .. ':log:' .. id)
end

local function namesakes(base, set, name)
	return base .. ':n' .. set .. ':' .. name
end

-- An ended job leaves its set: it runs again, or is forgotten.
local function leave_ended(base, set, id)
	call('ZREM', base .. set, id)
	if call('ZREM', base .. ':own', id) == 1 then
		call('ZREM', namesakes(base, set, call('HGET', job_of(base, id), 'n') or ''), id)
	end
end

local function let_go(base, set, ids)
	for _, id in ipairs(ids) do
		leave_ended(base, set, id)
		forget(base, id)
	end
end

-- Of the jobs in `list`, all of them in the set, the newest `keep` stay.
local function let_go_oldest(base, set, list, keep)
	local over = math.min(call('ZCARD', list) - keep, ONCE)
	if over > 0 then
		let_go(base, set, call('ZRANGE', list, 0, over - 1))
	end
end

-- Keeps the newest `keep` of a sorted set of ended jobs.
local function bound(base, set, keep)
	local over = call('ZCARD', base .. set) - keep
	if over <= 0 then
		return
	elseif call('EXISTS', base .. ':own') == 1 then
		return let_go_oldest(base, set, base .. set, keep)
	end
	local gone = call('ZPOPMIN', base .. set, math.min(over, ONCE))
	for i = 1, #gone, 2 do
		forget(base, gone[i])
	end
end

local function forget_old(base, set, before)
	let_go(base, set, call('ZRANGEBYSCORE', base .. set, '-inf', before, 'LIMIT', 0, ONCE))
end

-- An ended job bounds itself and those of its name that say so, too; never those of others.
local function keep_own(base, now, set, id, most, age)
	call('ZADD', base .. ':own', age and string.format('%.0f', now + age) or '+inf', id)
	if most then
		local same = namesakes(base, set, call('HGET', job_of(base, id), 'n'))
		call('ZADD', same, now, id)
		let_go_oldest(base, set, same, most)
	end
end

-- Its own time is over. True: it is forgotten.
local function outlived(base, now, id)
	local at = call('ZSCORE', base .. ':own', id)
	if not at or tonumber(at) > now then
		return false
	end
	for _, set in ipairs(ENDED) do
		if call('ZSCORE', base .. set, id) then
			let_go(base, set, { id })
			return true
		end
	end
	call('ZREM', base .. ':own', id)
	return false
end

local function forget_outlived(base, now)
	local ids = call('ZRANGEBYSCORE', base .. ':own', '-inf', now, 'LIMIT', 0, ONCE)
	for _, id in ipairs(ids) do
		outlived(base, now, id)
	end
end
