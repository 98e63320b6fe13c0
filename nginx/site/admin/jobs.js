/* jobs: those of one state, and one of them with its payload, options, errors, progress and log
 * lines; retry, cancel, remove. Which view and which job stands in the address behind the #. */
import { call } from './api.js';
import { ask } from '../ask.js';
import { act, fragment, post } from './frame.js';
import { STATES } from './queues.js';
import { $, element, empty, plain, put, putTime, rowHead, rows, whole, written } from '../text.js';

const tries = (job) => whole(job.attempts_made) + (job.attempts ? ' of ' + whole(job.attempts) : '');

/* ---- the list */

const TIME_OF = {
	active: ['Started', 'started_at'], completed: ['Ended', 'finished_at'],
	failed: ['Ended', 'finished_at'], cancelled: ['Ended', 'finished_at'],
};
const timeOf = (state) => TIME_OF[state] || ['Due', 'due_at'];

let queueNames = [];

function filterOf(words) {
	const state = words.get('state'), limit = words.get('limit');
	return {
		queue: words.get('queue') || '',
		state: STATES.includes(state) ? state : 'failed',
		limit: ['20', '50', '100'].includes(limit) ? limit : '20',
	};
}

function showFilter({ queue, state, limit }) {
	const choice = $('filter-queue');
	for (const name of queueNames.slice(choice.options.length - 1))
		choice.add(new Option(plain(name), name));
	choice.value = queue;
	$('filter-state').value = state;
	$('filter-limit').value = limit;
}

function readFilter() {
	const words = {};
	for (const name of ['queue', 'state', 'limit'])
		if ($('filter-' + name).value)
			words[name] = $('filter-' + name).value;
	return words;
}

function jobRow({ id, queue: name }) {
	const [work, queue, priority, made, time] = Array.from({ length: 5 }, () => element('td'));
	const attempts = element('td', 'number'), error = element('td', 'long');
	const head = rowHead(id, fragment('job', { id, queue: name }));
	return [element('tr', '', head, work, queue, priority, attempts, made, time, error), (job) => {
		put(work, job.name);
		put(queue, job.queue);
		put(priority, job.priority || '');
		put(attempts, tries(job));
		putTime(made, job.created_at);
		putTime(time, job[timeOf(job.state)[1]]);
		put(error, job.error || job.reason || '');
	}];
}

export const jobsView = {
	title: 'Jobs',
	async read(words) {
		const { queue, ...wanted } = filterOf(words);
		if (!queueNames.length)
			queueNames = (await call('GET', '/queues')).map(({ name }) => name);
		return call('GET', '/jobs?' + new URLSearchParams({ ...wanted, ...(queue && { queue }) }));
	},
	show(jobs, words) {
		const { queue, state, limit } = filterOf(words);
		showFilter({ queue, state, limit });
		put($('job-when'), timeOf(state)[0]);
		rows($('job-rows'), jobs, (job) => job.queue + ' ' + job.id, jobRow);
		put($('job-count'), !jobs.length ? 'No job is ' + state + (queue && ' in ' + queue) + '.' :
			jobs.length < limit ? '' : 'The ' + (state === 'delayed' ? 'next ' : 'newest ') + limit + '; there may be more.');
	},
	leave: () => {},
};

/* ---- one job */

const FACTS = [
	['state', 'State'], ['cancel_asked', 'Cancel asked'], ['name', 'Name'], ['queue', 'Queue'],
	['priority', 'Priority'], ['attempts', 'Attempts'], ['crashes', 'Crashes'], ['reason', 'Reason'],
	['unique', 'Unique key'], ['key', 'Limited by key'], ['batch', 'Batch'], ['owner', 'Owner'], ['trace', 'Trace parent'],
	['created_at', 'Made'], ['due_at', 'Due'], ['started_at', 'Started'], ['finished_at', 'Ended'],
];
const TEXTS = [['error', 'Error'], ['data', 'Payload'], ['result', 'Result']];
const SHOWN = new Set(['id', 'lane', 'attempts_made', 'progress', 'logs', ...[...FACTS, ...TEXTS].map(([name]) => name)]);
const RETRIED = ['failed', 'cancelled', 'delayed'];
const UNENDED = ['waiting', 'delayed', 'blocked', 'active'];

const nameOf = ([name]) => name;
const path = (job, verb = '') => '/jobs/' + encodeURIComponent(job.id) + verb +
	(job.queue ? '?queue=' + encodeURIComponent(job.queue) : '');

function factRow([name, title]) {
	const value = element('dd');
	return [element('div', '', element('dt', '', title), value), ([, , fact]) => {
		if (name.endsWith('_at'))
			putTime(value, fact, true);
		else
			put(value, fact === true ? 'yes' : written(fact));
		value.className = name === 'state' ? { failed: 'bad', completed: 'good' }[fact] || '' : '';
	}];
}

function textRow([name, title]) {
	const text = element('pre');
	text.tabIndex = 0;
	text.setAttribute('aria-label', plain(title));
	text.setAttribute('role', 'region');
	text.id = 'text-' + name;
	return [element('div', '', element('h3', '', plain(title)), text), ([, , value]) => put(text, written(value))];
}

function logRow() {
	const line = element('li');
	return [line, ([, text]) => put(line, text)];
}

function showTexts(job) {
	const facts = FACTS.map(([name, title]) => [name, title, name === 'attempts' ? tries(job) : job[name]]);
	const others = Object.keys(job).filter((name) => !SHOWN.has(name)).map((name) => [name, name]);
	const texts = [...TEXTS, ...others].map(([name, title]) => [name, title, job[name]]);
	const logs = job.logs || [];
	rows($('job-facts'), facts.filter(([, , fact]) => !empty(fact) && fact !== false), nameOf, factRow);
	rows($('job-texts'), texts.filter(([, , text]) => !empty(text)), nameOf, textRow);
	rows($('job-logs'), logs.map((text, i) => [String(i), text]), nameOf, logRow);
	$('job-no-logs').hidden = logs.length > 0;
}

function showProgress(progress) {
	const percent = empty(progress) ? NaN : Number(progress.percent);
	$('job-running').hidden = empty(progress);
	$('job-progress').value = Number.isFinite(percent) ? percent : 0;
	if (!empty(progress))
		put($('job-progress-text'), Number.isFinite(percent) ? percent + ' % ' + (progress.message || '') : written(progress));
}

function allow(id, yes) {
	if (!yes && document.activeElement === $(id))
		$('job-title').focus();
	$(id).disabled = !yes;
}

export const jobView = {
	title: 'Job',
	job: null,
	read: (words) => call('GET', path({ id: words.get('id') || '', queue: words.get('queue') })),
	show(job) {
		this.job = job;
		put($('job-title'), 'Job ' + job.id);
		showTexts(job);
		showProgress(job.progress);
		put($('job-retry'), job.state === 'delayed' ? 'Run now' : 'Retry');
		allow('job-retry', RETRIED.includes(job.state));
		allow('job-cancel', UNENDED.includes(job.state));
		allow('job-remove', job.state !== 'active');
	},
	leave() {
		this.job = null;
		put($('job-title'), 'Job');
		for (const id of ['job-facts', 'job-texts', 'job-logs'])
			$(id).replaceChildren();
		$('job-no-logs').hidden = $('job-running').hidden = true;
		for (const id of ['job-retry', 'job-cancel', 'job-remove'])
			$(id).disabled = true;
	},
};

/* ---- actions */

async function retry(job) {
	if (await ask('Run this job again?', job.name + ' ' + job.id + ' waits again, its payload as it is.', 'Run it') === null)
		return '';
	await post(path(job, '/retry'));
	return 'Job ' + job.id + ' waits again.';
}

async function cancel(job) {
	const text = job.state === 'active' ? 'It runs: its worker is told to end it.' : 'It will not run.';
	if (await ask('Cancel this job?', text, 'Cancel the job') === null)
		return '';
	const { state } = await post(path(job, '/cancel'));
	return 'Job ' + job.id + ': ' + state + '.';
}

async function remove(job) {
	if (await ask('Remove this job?', job.name + ' ' + job.id + ' goes with its payload, errors and log lines.',
		'Remove the job') === null)
		return '';
	await call('DELETE', path(job));
	location.hash = fragment('jobs', { queue: job.queue, state: job.state });
	return 'Job ' + job.id + ' was removed.';
}

export function startJobs() {
	$('filter').onsubmit = (submit) => submit.preventDefault();
	$('filter').onchange = () => { location.hash = fragment('jobs', readFilter()); };
	$('job-retry').onclick = () => act(() => retry(jobView.job));
	$('job-cancel').onclick = () => act(() => cancel(jobView.job));
	$('job-remove').onclick = () => act(() => remove(jobView.job));
}
