-- ---- the functions. Those of cg1 are for programs of the release before, which may run beside
-- this one's while it is being installed: the same bodies, in the words of then. Ending jobs must
-- work when Redis is full: it is what makes room.

local function cut(out, from, have, want)
	local short = {}
	for i = 1, #out do
		if i < from or (i - from) % have < want then
			short[#short + 1] = out[i]
		end
	end
	return short
end

local JOB_WORDS, OLD_JOB_WORDS = 11, 9

local FUNCTIONS = {
	{ 'cg2_add', add_one, {} },
	{ 'cg2_batch', function(k, a) return add_batch(k, a, 7) end, {} },
	{ 'cg2_publish', publish, {} },
	{ 'cg2_tell', tell, {} },
	{ 'cg2_rebase', rebase, { 'allow-oom' } },
	{ 'cg2_step', step, { 'allow-oom' } },
	{ 'cg2_fail', fail, { 'allow-oom' } },
	{ 'cg2_beat', function(k, a) return beat(k, a, 3) end, { 'allow-oom' } },
	{ 'cg2_progress', progress, {} },
	{ 'cg2_log', log, {} },
	{ 'cg2_reap', reap, { 'allow-oom' } },
	{ 'cg2_tick', tick, { 'allow-oom' } },
	{ 'cg2_wake', wake_one, { 'allow-oom' } },
	{ 'cg2_stats', stats, { 'no-writes' } },
	{ 'cg2_list', function(k, a) return list(k, a, WORDS) end, { 'no-writes' } },
	{ 'cg2_show', function(k, a) return show(k, a, WORDS) end, { 'no-writes' } },
	{ 'cg2_logs', logs, { 'no-writes' } },
	{ 'cg2_retry', retry_one, {} },
	{ 'cg2_retry_all', retry_all, {} },
	{ 'cg2_promote', promote_one, {} },
	{ 'cg2_cancel', cancel, { 'allow-oom' } },
	{ 'cg2_remove', remove_one, { 'allow-oom' } },
	{ 'cg2_pause', pause, { 'allow-oom' } },
	{ 'cg2_drain', drain, { 'allow-oom' } },
	{ 'cg2_purge', purge, { 'allow-oom' } },
	{ 'cg2_limit', limits, { 'allow-oom' } },
	{ 'cg2_check', check, { 'allow-oom' } },

	{ 'cg1_add', add_one, {} },
	{ 'cg1_batch', function(k, a) return add_batch(k, a, 6) end, {} },
	{ 'cg1_publish', publish, {} },
	{ 'cg1_rebase', rebase, { 'allow-oom' } },
	{ 'cg1_step', function(k, a)
		return cut(step(k, a), 2 + a[4], JOB_WORDS, OLD_JOB_WORDS)
	end, { 'allow-oom' } },
	{ 'cg1_fail', fail, { 'allow-oom' } },
	{ 'cg1_beat', function(k, a) return beat(k, a, 2) end, { 'allow-oom' } },
	{ 'cg1_reap', reap, { 'allow-oom' } },
	{ 'cg1_tick', tick, { 'allow-oom' } },
	{ 'cg1_wake', wake_one, { 'allow-oom' } },
	{ 'cg1_stats', stats, { 'no-writes' } },
	{ 'cg1_list', function(k, a) return list(k, a, OLD_WORDS) end, { 'no-writes' } },
	{ 'cg1_show', function(k, a) return show(k, a, OLD_WORDS) end, { 'no-writes' } },
	{ 'cg1_retry', retry_one, {} },
}
for i = 1, #FUNCTIONS do
	local f = FUNCTIONS[i]
	redis.register_function({ function_name = f[1], callback = f[2], flags = f[3] })
end
