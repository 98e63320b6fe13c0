/* queues: what waits, runs and failed in each queue, and how fast it goes; pause, limits, retry
 * and drain. Rates are made here, from the totals of readings of the last seconds. */
import { call, reason } from './api.js';
import { ask } from '../ask.js';
import { act, button, fragment, label, post } from './frame.js';
import { $, element, many, put, rowHead, rows, span, whole } from '../text.js';

const RATE_MS = 10000, RETRY_CHUNK = 100, DRAIN_CALLS = 600;
const LIMITS = ['concurrency', 'rate', 'rate_ms'];
const SPEEDS = ['added', 'completed', 'retried', 'failed'];

export const STATES = ['waiting', 'active', 'delayed', 'blocked', 'completed', 'failed', 'cancelled'];

const path = (queue, verb = '') => '/queues/' + encodeURIComponent(queue.name) + verb;

/* ---- rates */

const readings = new Map(); /* name → [{at, totals}] */

function rates({ name, totals }) {
	const at = performance.now();
	let past = (readings.get(name) || []).filter((reading) => at - reading.at <= RATE_MS);
	/* Totals that fell: Redis came back without its last writes. */
	if (past.some((reading) => SPEEDS.some((total) => reading.totals[total] > totals[total])))
		past = [];
	readings.set(name, [...past, { at, totals }]);
	return (total) => past.length ? (totals[total] - past[0].totals[total]) * 1000 / (at - past[0].at) : null;
}

function rateText(rate) {
	if (rate === null)
		return '–';
	return rate > 0 && rate < 10 ? rate.toFixed(1) : whole(Math.round(rate));
}

/* ---- actions */

async function pauseOrResume(queue) {
	await post(path(queue, queue.paused ? '/resume' : '/pause'));
	return queue.name + (queue.paused ? ' goes on.' : ' is paused.');
}

async function drain(queue) {
	const delayed = await ask('Drain ' + queue.name + '?',
		'Removes all jobs that wait in this queue. They don’t come back.', 'Remove the waiting jobs',
		'the delayed and blocked ones, too');
	if (delayed === null)
		return '';
	let removed = 0, left = true;
	for (let i = 0; i < DRAIN_CALLS && left; i++) { // each of about a second
		const answer = await post(path(queue, '/drain'), { delayed });
		removed += answer.removed;
		left = answer.remaining;
	}
	return many(removed, 'job') + (removed === 1 ? ' was' : ' were') + ' removed from ' + queue.name + (left ? '; some are left.' : '.');
}

/* In chunks, and no more than there were: those that fail again at once would come round. */
async function retryFailed(queue) {
	const { name, failed } = queue;
	let retried = 0, last = 0;
	if (!failed)
		return 'No job of ' + name + ' has failed.';
	if (await ask('Retry all failed jobs of ' + name + '?', many(failed, 'failed job') + ' will wait again, the oldest first.',
		'Retry ' + whole(failed)) === null)
		return '';
	do {
		last = (await post(path(queue, '/retry_failed'), { limit: Math.min(RETRY_CHUNK, failed - retried) })).retried;
		retried += last;
	} while (last > 0 && retried < failed);
	return many(retried, 'failed job') + ' of ' + name + (retried === 1 ? ' waits' : ' wait') + ' again.';
}

/* ---- limits */

function limitsText({ concurrency, rate, rate_ms: ms }) {
	const parts = [];
	if (concurrency > 0)
		parts.push(whole(concurrency) + ' at once');
	if (rate > 0)
		parts.push(whole(rate) + ' in ' + whole(ms) + ' ms');
	return parts.join(', ') || 'none';
}

async function setLimits(queue) {
	const wanted = Object.fromEntries(LIMITS.map((name) => [name, Number($('limit-' + name).value)]));
	try {
		const now = await call('PATCH', path(queue), wanted);
		$('limits').close();
		act(() => 'Limits of ' + queue.name + ': ' + limitsText(now) + '.');
	} catch (error) {
		put($('limits-wrong'), reason(error));
	}
}

function editLimits(queue) {
	put($('limits-title'), 'Limits of ' + queue.name);
	put($('limits-wrong'), '');
	for (const name of LIMITS)
		$('limit-' + name).value = queue.limits[name];
	$('limits-no').onclick = () => $('limits').close();
	$('limits-form').onsubmit = (submit) => {
		submit.preventDefault();
		setLimits(queue);
	};
	$('limits').showModal();
	$('limit-concurrency').focus();
}

/* ---- rows */

function counts(name) {
	return Object.fromEntries(STATES.map((state) => {
		const link = element('a');
		link.href = fragment('jobs', { queue: name, state });
		return [state, link];
	}));
}

function queueRow({ name }) {
	let queue;
	const head = rowHead(name), mark = element('span', 'mark warn', 'paused');
	const count = counts(name), oldest = element('td', 'number'), limits = element('td');
	const speeds = SPEEDS.map(() => element('td', 'number'));
	const pause = button('Pause', name, () => pauseOrResume(queue));
	const actions = element('span', 'actions', pause,
		button('Limits', name, () => editLimits(queue)),
		button('Retry failed', name, () => retryFailed(queue)),
		button('Drain', name, () => drain(queue), 'danger'));
	head.append(' ', mark);
	const row = element('tr', '', head, ...STATES.map((state) => element('td', 'number', count[state])),
		oldest, ...speeds, limits, element('td', '', actions));
	return [row, (now) => {
		const rate = rates(now);
		queue = now;
		mark.hidden = !now.paused;
		label(pause, now.paused ? 'Resume' : 'Pause', name);
		for (const state of STATES)
			put(count[state], whole(now[state]));
		count.failed.className = now.failed ? 'bad' : '';
		put(oldest, now.waiting ? span(now.oldest_ms) : '–');
		speeds.forEach((cell, i) => put(cell, rateText(rate(SPEEDS[i]))));
		put(limits, limitsText(now.limits));
	}];
}

export const queuesView = {
	title: 'Queues',
	read: () => call('GET', '/queues'),
	show: (queues) => rows($('queue-rows'), queues, (queue) => queue.name, queueRow),
	leave: () => readings.clear(),
};
