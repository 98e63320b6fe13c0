#!lua name=cg1
-- library: every transition of a job as one atomic function of Redis 7.0; queue/library.h wraps
-- them. The files of this folder are one text, in the order of their names; the functions are
-- in the table at its end. A queue's keys begin with KEYS[1], `cg:{queue}`:
--   :s:h :s:n :s:l  streams of waiting and active jobs, one group `w`; an entry holds j = job id
--   :j:<id>         the job: n name, d data, l lane, x its entry, a attempts, c crashes, t added,
--                   u unique key, p options (JSON, see 3_ties.lua), s started, g progress,
--                   w set: it is to be cancelled, e last error, y why it failed, o result,
--                   z the entry that was ended last, i when that was, f when the job ended;
--                   blocked: b why, v due then (stays when it is cancelled meanwhile); k the job that comes after it (unique `last`)
--   :dly :blk       sorted sets by time in ms: delayed until, blocked since
--   :done :dead :cancelled  by time in ms: jobs that ended      :log:<id>  lines of a job
--   :own            of these, jobs that say themselves how long they are kept: by the time when
--                   they go, +inf for those that only say how many
--   :n:<set>:<name> those of a name that say how many are kept, by time in ms
--   :u:<key>        the job that has a unique key
--   :k:<key>        jobs that have a place of a concurrency key
--   :kq:<key>       those in line for one, a sorted set: its scores are the order alone
--   :b:<batch>      how many members have ended     :bm:<batch>  those that have not
--   :bx:<batch>     members that ended without having been added
--   :bf:<batch>     final jobs that wait for them
--   :z:<id>         how a job that is not kept ended, for a minute
--   :m              counters, reap (the last one), max of waiting jobs, the outbox watermark:
--                   g generation, b batch
--   :c              for each take: paused, limits (concurrency, rate, rate_ms) that win over the
--                   row's, tokens of the rate and when they were counted (since)
--   :w              the wake list: tokens for sleeping workers
-- A job is where one of these says so: active when its entry is in the group's pending list,
-- waiting when it is in a lane and not pending, else in one of the sorted sets.
-- An entry is ended only by the consumer that has it pending: XACK alone would not look. Every
-- redelivery is a new entry, so the entry's id is the fence. Nothing is ever trimmed from a lane.
-- Each function may run twice with the same words and then does nothing the second time.

local LANES, BACKWARDS, TURN = { 'h', 'n', 'l' }, { 'l', 'n', 'h' }, 16
local LEASE, CRASHES, QUIET = 15000, 3, 10000
local BACKOFF_MAX = 3600000
local DONE_AGE, DEAD_AGE, LOG_AGE = 86400000, 2592000000, 1020000
local BATCH_AGE, ANSWER_AGE, CONSUMER_AGE = 2592000000, 60000, 3600000
local WAITING_MAX, TOKENS, ONCE, LOOKS = 1000000, 64, 500, 16
local CHECKED = 4000 -- members of sets that one call of check looks at
local LINES = 100
local KEEP = 1000    -- of ended jobs, for old callers that don't say
local NONE = {}   -- the options of most jobs

-- While the library is loaded there is neither redis.call nor any global: taken at the first use.
local call
call = function(...)
	call = redis.call
	return call(...)
end

local try
try = function(...)
	try = redis.pcall
	return try(...)
end

-- In ms, and the microseconds within the second.
local function time()
	local t = call('TIME')
	return t[1] * 1000 + math.floor(t[2] / 1000), tonumber(t[2])
end

local function count(base, field, by)
	call('HINCRBY', base .. ':m', field, by or 1)
end

local function job_of(base, id)
	return base .. ':j:' .. id
end

local function stream(base, lane)
	return base .. ':s:' .. lane
end

local function options_of(packed)
	return packed and cjson.decode(packed) or NONE
end

local function wake(base)
	if call('LLEN', base .. ':w') < TOKENS then
		call('RPUSH', base .. ':w', '1')
	end
end

local function note(base, id, now, line)
	local log = base .. ':log:' .. id
	call('RPUSH', log, string.format('%.0f ', now) .. line)
	call('LTRIM', log, -LINES, -1)
end
