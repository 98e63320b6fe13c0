-- ---- check: does all that is kept fit together? One look is one job or key and atomic, so that
-- what others do meanwhile is no fault. What is broken is told by found(); what mends it runs
-- only when that was asked.

local function found(c, what, key, mend)
	c.out[#c.out + 1] = what
	c.out[#c.out + 1] = key
	c.out[#c.out + 1] = c.repair and '1' or '0'
	if c.repair then
		mend()
	end
end

local LIVE = { waiting = true, active = true, delayed = true, blocked = true }

-- The states that a job is in, by its places: one, if all is well.
local function states_of(base, id, lane, entry)
	local states = {}
	if lane and entry and id_of(base, lane, entry) == id then
		states[1] = state_of(base, id, lane, entry)
	end
	for _, state in ipairs(STATES) do
		if call('ZSCORE', base .. SETS[state], id) then
			states[#states + 1] = state
		end
	end
	return states
end

local function check_places(c, base, id, j, states)
	if #states == 0 then
		found(c, 'a job in no state', id, function()
			if j.f then
				return remove(base, c.now, id, 'nowhere')
			end
			release(base, c.now, id)
		end)
	elseif #states > 1 then
		found(c, 'a job in several states', id, function()
			for i = 2, #states do
				call('ZREM', base .. SETS[states[i]], id)
			end
		end)
	end
	if j.b and states[1] ~= 'blocked' then
		found(c, 'a job that says it is blocked', id, function()
			call('HDEL', job_of(base, id), 'b')
		end)
	end
end

local BLOCKED = {
	key = function(base, id, j, o)
		return o.key and call('ZSCORE', base .. ':kq:' .. o.key, id)
	end,
	last = function(base, id, j)
		local holder = j.u and call('GET', base .. ':u:' .. j.u)
		return holder and call('HGET', job_of(base, holder), 'k') == id
	end,
	batch = function(base, id, j, o)
		return final_must_wait(base, o) and
			call('SISMEMBER', base .. ':bf:' .. o.batch, id) == 1
	end,
}

local function check_blocked(c, base, id, j, o)
	if BLOCKED[j.b] and BLOCKED[j.b](base, id, j, o) then
		return
	end
	found(c, 'a blocked job that waits for nothing', id, function()
		if j.b == 'last' and j.u then
			call('SET', base .. ':u:' .. j.u, id, 'NX')
		end
		release(base, c.now, id)
	end)
end

local function check_unique(c, base, id, j, o)
	local at = base .. ':u:' .. j.u
	local holder = call('GET', at)
	if holder == id or o.unique == 'for' or j.b == 'last' then
		return
	elseif not holder then
		found(c, 'a unique key that is free too early', j.u, function()
			call('SET', at, id)
		end)
	else
		found(c, 'two jobs of one unique key', id, function()
			call('HDEL', job_of(base, id), 'u')
		end)
	end
end

local function check_after(c, base, id, j)
	if call('HGET', job_of(base, j.k), 'b') ~= 'last' then
		found(c, 'a job followed by one that is not there', id, function()
			call('HDEL', job_of(base, id), 'k')
		end)
	end
end

local FIELDS = { 'n', 'd', 'l', 't', 'x', 'u', 'p', 'b', 'k', 'f' }

local function check_job(c, base, id)
	local values, j = call('HMGET', job_of(base, id), unpack(FIELDS)), {}
	for i, field in ipairs(FIELDS) do
		j[field] = values[i] or nil
	end
	local states, o = states_of(base, id, j.l, j.x), options_of(j.p)
	if not (j.n and j.d and j.l and j.t) then
		return found(c, 'a job without name, data, lane or time', id, function()
			for _, state in ipairs(STATES) do
				call('ZREM', base .. SETS[state], id)
			end
			forget(base, id)
		end)
	end
	check_places(c, base, id, j, states)
	if not LIVE[states[1]] then
		return
	end
	if states[1] == 'blocked' then
		check_blocked(c, base, id, j, o)
	end
	if j.u then
		check_unique(c, base, id, j, o)
	end
	if j.k then
		check_after(c, base, id, j)
	end
	if states[1] == 'active' and o.key and
		call('SISMEMBER', base .. ':k:' .. o.key, id) == 0 then
		found(c, 'a running job without a place of its key', id, function()
			call('SADD', base .. ':k:' .. o.key, id)
		end)
	end
end

local function is_live(base, id)
	return LIVE[look_up(base, id) or ''] or false
end

-- How many of a key's members are looked at: all of a few, else what one call may.
local function share(c)
	return math.max(LOOKS, math.min(ONCE, CHECKED - c.looked))
end

local function some(c, key)
	local ids = call('SRANDMEMBER', key, share(c))
	c.looked = c.looked + #ids
	return ids
end

local function check_place(c, base, key)
	for _, id in ipairs(some(c, base .. ':k:' .. key)) do
		local state = look_up(base, id)
		if state ~= 'active' and state ~= 'waiting' then
			found(c, 'a place of a key held by a job that does not run', key, function()
				call('SREM', base .. ':k:' .. key, id)
				next_of_key(base, key)
			end)
		end
	end
end

local function check_line(c, base, key)
	local line = base .. ':kq:' .. key
	for i, id in ipairs(call('ZRANGE', line, 0, share(c) - 1)) do
		local j = call('HMGET', job_of(base, id), 'b', 'p')
		local o = options_of(j[2])
		c.looked = c.looked + 1
		if j[1] ~= 'key' or o.key ~= key then
			found(c, 'a job in line for a key that is not its own', id, function()
				call('ZREM', line, id)
			end)
		elseif i == 1 and call('SCARD', base .. ':k:' .. key) < key_limit(o) then
			found(c, 'a free place, and a job in line for it', key, function()
				next_of_key(base, key)
			end)
		end
	end
end

local function check_unique_key(c, base, key)
	local at = base .. ':u:' .. key
	local id = call('GET', at)
	if not id or call('PTTL', at) >= 0 then
		return
	end
	if call('HGET', job_of(base, id), 'u') ~= key or not is_live(base, id) then
		found(c, 'a unique key without its job', key, function()
			call('DEL', at)
		end)
	end
end

local function check_members(c, base, batch)
	for _, id in ipairs(some(c, base .. ':bm:' .. batch)) do
		if not is_live(base, id) then
			found(c, 'a batch that waits for a job that has ended', batch, function()
				leave_batch(base, c.now, id, { batch = batch })
			end)
		end
	end
end

local function check_finals(c, base, batch)
	for _, id in ipairs(some(c, base .. ':bf:' .. batch)) do
		local j = call('HMGET', job_of(base, id), 'b', 'p')
		local o = options_of(j[2])
		if j[1] ~= 'batch' or o.batch ~= batch or not final_must_wait(base, o) then
			found(c, 'a final job that waits for nothing', id, function()
				call('SREM', base .. ':bf:' .. batch, id)
				if j[1] == 'batch' then
					release(base, c.now, id)
				end
			end)
		end
	end
end

local function check_log(c, base, id)
	if call('EXISTS', job_of(base, id)) == 0 then
		found(c, 'log lines without their job', id, function()
			call('DEL', base .. ':log:' .. id)
		end)
	end
end

-- Of the jobs of a name that say how many are kept; the key is `<set>:<name>`.
local function check_namesakes(c, base, key)
	local set = ':' .. string.match(key, '^%a+')
	for _, id in ipairs(call('ZRANGE', base .. ':n:' .. key, 0, share(c) - 1)) do
		c.looked = c.looked + 1
		if not call('ZSCORE', base .. set, id) or not call('ZSCORE', base .. ':own', id) then
			found(c, 'a job counted with others of its name, that has not ended', id, function()
				call('ZREM', base .. ':n:' .. key, id)
			end)
		end
	end
end

local KEYS_OF = { n = check_namesakes, j = check_job, k = check_place, kq = check_line, u = check_unique_key,
	bm = check_members, bf = check_finals, log = check_log }

local function check_keys(c, base, cursor)
	local got = call('SCAN', cursor, 'MATCH', base .. ':*', 'COUNT', ONCE)
	for _, key in ipairs(got[2]) do
		local kind, rest = string.match(string.sub(key, #base + 2), '^(%a+):(.*)$')
		if KEYS_OF[kind] then
			KEYS_OF[kind](c, base, rest)
			c.looked = c.looked + 1
		end
	end
	return got[1]
end

local function check_entry(c, base, lane, entry, id, last)
	local j = call('HMGET', job_of(base, id), 'n', 'l', 'x')
	if not j[1] then
		found(c, 'an entry without its job', id, function()
			leave_lane(base, lane, entry)
		end)
	elseif j[2] ~= lane or j[3] ~= entry then
		found(c, 'an entry that its job does not know', id, function()
			if look_up(base, id) ~= 'nowhere' then
				return leave_lane(base, lane, entry)
			end
			call('HSET', job_of(base, id), 'l', lane, 'x', entry)
		end)
	elseif not later(entry, last) and state_of(base, id, lane, entry) == 'waiting' then
		found(c, 'an entry that nobody would get', id, function()
			leave_lane(base, lane, entry)
			ready(base, id, lane)
		end)
	end
end

local function check_lane(c, base, lane, from)
	local s = stream(base, lane)
	local of = try('XINFO', 'GROUPS', s)
	local last = not of.err and of[1] and of[1][8] or '0-0'
	local rows = call('XRANGE', s, from == '0' and '-' or '(' .. from, '+', 'COUNT', ONCE)
	for _, row in ipairs(rows) do
		check_entry(c, base, lane, row[1], row[2][2], last)
		c.looked = c.looked + 1
	end
	if #rows > 0 then
		return rows[#rows][1]
	end
	local taken = try('XPENDING', s, 'w', '-', '+', ONCE)
	for _, row in ipairs(taken.err and {} or taken) do
		if not id_of(base, lane, row[1]) then
			found(c, 'an entry in somebody\'s hands that is gone', row[1], function()
				call('XACK', s, 'w', row[1])
			end)
		end
	end
	return '0'
end

local function check_set(c, base, set, cursor)
	local got = call('ZSCAN', base .. set, cursor, 'COUNT', ONCE)
	for i = 1, #got[2], 2 do
		c.looked = c.looked + 1
		if call('EXISTS', job_of(base, got[2][i])) == 0 then
			found(c, 'a job that is not there, in ' .. string.sub(set, 2), got[2][i], function()
				call('ZREM', base .. set, got[2][i])
			end)
		end
	end
	return got[1]
end

local function check_own(c, base, cursor)
	local got = call('ZSCAN', base .. ':own', cursor, 'COUNT', ONCE)
	for i = 1, #got[2], 2 do
		local id = got[2][i]
		c.looked = c.looked + 1
		if LIVE[look_up(base, id) or 'waiting'] then
			found(c, 'a job that has not ended, among those with a time of their own', id, function()
				call('ZREM', base .. ':own', id)
			end)
		end
	end
	return got[1]
end

local STAGES = { { check_keys }, { check_lane, 'h' }, { check_lane, 'n' }, { check_lane, 'l' },
	{ check_set, ':dly' }, { check_set, ':blk' }, { check_set, ':done' }, { check_set, ':dead' },
	{ check_set, ':cancelled' }, { check_own } }

-- 1: mend, stage and cursor (1 and 0 to begin) → the next stage (0: that was all) and cursor, how
-- many were looked at, then for each fault what, job or key, 1 when it was mended
local function check(keys, args)
	local c = { now = time(), repair = args[1] == '1', looked = 0, out = { 0, 0, 0 } }
	local at = tonumber(args[2])
	local cursor
	if STAGES[at][2] then
		cursor = STAGES[at][1](c, keys[1], STAGES[at][2], args[3])
	else
		cursor = STAGES[at][1](c, keys[1], args[3])
	end
	if cursor == '0' then
		at = at < #STAGES and at + 1 or 0
	end
	c.out[1], c.out[2], c.out[3] = at, cursor, c.looked
	return c.out
end
