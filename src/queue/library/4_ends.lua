-- ---- ends of jobs

-- Keeps an ended job for as long as it has said itself; what holds for its queue is the caller's.
-- `answer`: how its entry was ended, for one that is not kept.
local function keep(base, now, id, set, most, age, answer)
	if most == -1 then
		call('SET', base .. ':z:' .. id, answer, 'PX', ANSWER_AGE)
		return forget(base, id)
	end
	call('ZADD', base .. set, now, id)
	if most or age then
		keep_own(base, now, set, id, most, age)
	end
end

-- An ended job has no error but the one that it ended with; earlier ones are in its log.
local function drop_error(base, id)
	call('HDEL', job_of(base, id), 'e')
end

-- f.entry: the one that was ended, '' for a job that was not running.
local function close(base, now, id, f, set, answer, why)
	local job, dead = job_of(base, id), set == ':dead'
	local j = call('HMGET', job, 'u', 'p')
	local o = options_of(j[2])
	call('HSET', job, 'f', now, 'y', why, unpack(f.started and { 's', f.started } or {}))
	if (f.error or '') == '' then
		drop_error(base, id)
	end
	untie(base, now, id, j[1], o)
	keep(base, now, id, set, dead and o.keep_dead or not dead and o.keep_done or nil,
		dead and o.keep_dead_ms or not dead and o.keep_done_ms or nil, f.entry .. ' ' .. answer)
	bound(base, set, dead and f.keep or f.keep_done)
	count(base, dead and 'failed' or 'cancelled')
	if f.entry ~= '' then
		wake(base) -- where a limit held jobs back another one may begin
	end
	return answer
end

local LOST, AGAIN, DEAD, CANCELLED = 0, 1, 2, 3 -- enum fail_answer
local DONE = 4

local function bury(base, now, id, why, f)
	return close(base, now, id, f, ':dead', DEAD, why)
end

local function cancelled(base, now, id, f)
	return close(base, now, id, f, ':cancelled', CANCELLED, 'cancelled')
end

-- At once, and it keeps the place that it has of its key.
local function give_back(base, now, id, lane, f)
	ready(base, id, lane)
	return AGAIN
end

local function put_off(base, id, due, o)
	delay(base, id, due)
	leave_key(base, id, o)
	wake(base) -- as in close()
	return AGAIN
end

-- A crash is not an attempt: it has a counter of its own.
local function crash(base, now, id, lane, f)
	local crashes = call('HINCRBY', job_of(base, id), 'c', 1)
	count(base, 'crashed')
	call('HSET', job_of(base, id), 'e', f.error)
	note(base, id, now, 'crash ' .. crashes .. ': ' .. f.error)
	if crashes >= CRASHES then
		return bury(base, now, id, 'crash', f)
	end
	return give_back(base, now, id, lane, f)
end

-- base · 2^(n-1), at most an hour, ±10 % by the job's id and the clock.
local function backoff(id, kind, base_ms, attempt, micros)
	local mix = micros
	for i = 1, #id do
		mix = (mix * 31 + string.byte(id, i)) % 1000003
	end
	local ms = kind == 'fixed' and base_ms or base_ms * 2 ^ (attempt - 1)
	return math.floor(math.min(ms, BACKOFF_MAX) * (0.9 + mix % 2001 / 10000))
end

local function attempt(base, now, id, f)
	local made = call('HINCRBY', job_of(base, id), 'a', 1)
	if f.error ~= '' then
		note(base, id, now, 'attempt ' .. made .. ': ' .. f.error)
	end
	return made
end

local ENDS = {
	fail = function(base, now, id, lane, f)
		local o = options_of(call('HGET', job_of(base, id), 'p'))
		local made = attempt(base, now, id, f)
		if made >= (o.attempts or f.attempts) then
			return bury(base, now, id, 'attempts', f)
		end
		count(base, 'retried')
		return put_off(base, id, now + backoff(id, o.backoff or f.backoff,
			o.backoff_ms or f.backoff_ms, made, f.micros), o)
	end,
	dead = function(base, now, id, lane, f)
		attempt(base, now, id, f)
		return bury(base, now, id, 'dead', f)
	end,
	snooze = function(base, now, id, lane, f)
		return put_off(base, id, now + f.delay, options_of(call('HGET', job_of(base, id), 'p')))
	end,
	back = give_back,
	crash = crash,
	cancel = function(base, now, id, lane, f)
		return cancelled(base, now, id, f)
	end,
}

-- An entry that was in somebody's hands has left its lane. f.idle: as owned() has it; a run that
-- was long enough for a beat has its start in the job.
local function end_entry(base, now, id, lane, how, f)
	local j = call('HMGET', job_of(base, id), 'n', 'w', 's')
	if not j[1] then
		return LOST -- a ghost: its job is not there any more
	end
	f.started = j[3] or now - f.idle
	call('HDEL', job_of(base, id), 's')
	return ENDS[j[2] and 'cancel' or how](base, now, id, lane, f)
end

-- The answer that was given when this entry was ended, if it was.
local function answered(base, id, entry)
	if call('HGET', job_of(base, id), 'z') == entry then
		return call('ZSCORE', base .. ':dead', id) and DEAD or
			call('ZSCORE', base .. ':cancelled', id) and CANCELLED or
			call('ZSCORE', base .. ':done', id) and DONE or AGAIN
	end
	local past, answer = string.match(call('GET', base .. ':z:' .. id) or '', '^(%S+) (%d)$')
	return past == entry and tonumber(answer) or nil
end

-- consumer, lane, entry, id, end, attempts, backoff_ms, delay, keep, error; since cg2: backoff,
-- keep of done ones → 0 lost, 1 again, 2 dead, 3 cancelled
local function fail(keys, args)
	local base, consumer, lane, entry, id = keys[1], unpack(args, 1, 4)
	local now, micros = time()
	local idle = owned(base, lane, entry, consumer)
	if not idle then
		local answer = answered(base, id, entry)
		if not answer or answer == DONE then
			count(base, 'lost')
			answer = LOST
		end
		return { answer }
	end
	leave_lane(base, lane, entry)
	if call('EXISTS', job_of(base, id)) == 1 then
		call('HSET', job_of(base, id), 'z', entry, 'i', now,
			unpack(args[10] ~= '' and { 'e', args[10] } or {}))
	end
	return { end_entry(base, now, id, lane, args[5], { attempts = tonumber(args[6]),
		backoff_ms = tonumber(args[7]), delay = tonumber(args[8]), keep = tonumber(args[9]),
		error = args[10], backoff = args[11], keep_done = tonumber(args[12] or KEEP),
		entry = entry, idle = idle, micros = micros }) }
end
