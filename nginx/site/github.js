/* github: the person's things at GitHub: how their sync goes (told live, read again when something
 * moved), repositories, languages, the calendar. */
import { ask } from './ask.js';
import { showCalendar } from './calendar.js';
import { act, waiting } from './page.js';
import { call } from './session.js';
import { $, element, plain, put, putTime, rows, sentence, whole } from './text.js';

const SOON_MS = 1000, MOVING_MS = 5000, RESTING_MS = 60000, MORE = 20, MOST = 100, LANGUAGES = 8;
const KINDS = ['profile', 'repositories', 'contributions'];
const STATES = {
	idle: 'In step with GitHub.', running: 'A sync is running.', queued: 'A sync waits for its turn.',
	waiting: 'A sync goes on later: GitHub wants a pause.', disconnected: 'GitHub is not connected.',
	failed: 'The last sync failed.',
};
const OUTCOMES = {
	blocked: 'blocked at GitHub', forbidden: 'GitHub does not show it', gone: 'gone at GitHub', renamed: 'renamed',
};
const SHOWN = ['sync-state', 'sync-budget', 'sync-next', 'repository-rows', 'repository-count', 'language-rows', 'language-count', 'away'];

let username = '', timer = 0, dueAt = 0, turn = 0, limit = MORE;

/* ---- the sync */

function showProgress(kind, percent, text) {
	$('progress-' + kind).value = percent;
	put($('progress-' + kind + '-text'), text);
}

function resultOf(sync) {
	const r = sync.result, parts = ['created', 'updated', 'deleted', 'unchanged', 'failed'];
	return parts.filter((part) => r[part] > 0).map((part) => whole(r[part]) + ' ' + part).join(', ');
}

function showSync(sync) {
	const bar = $('progress-' + sync.kind);
	const asked = 'requests to GitHub: ' + whole(sync.requests) + ', free ones: ' + whole(sync.not_modified);
	if (sync.state === 'idle' && sync.finished_at)
		showProgress(sync.kind, 100, ['done', resultOf(sync), asked].filter(Boolean).join('; '));
	else if (sync.state === 'running' && bar.dataset.job === sync.job_id && bar.value >= sync.progress)
		return; /* the relay was quicker */
	else if (sync.state === 'queued')
		showProgress(sync.kind, 0, 'queued'); /* what is known is of the run before */
	else
		showProgress(sync.kind, sync.progress, [sync.state, sync.error].filter(Boolean).join(': '));
	bar.dataset.job = sync.job_id || '';
}

function showState(state) {
	const budget = state.budget;
	put($('sync-state'), [STATES[state.state] || state.state, state.reason].map(sentence).filter(Boolean).join(' '));
	put($('sync-budget'), budget && budget.remaining !== null
		? whole(budget.remaining) + ' of ' + whole(budget.limit) + ' requests to GitHub are left this hour.' : '');
	putTime($('sync-next'), state.connected ? state.next_run : '');
	for (const sync of state.syncs)
		if (KINDS.includes(sync.kind))
			showSync(sync);
	for (const part of document.querySelectorAll('[data-connected]'))
		part.hidden = String(state.connected) !== part.dataset.connected;
}

/* An event of the relay. */
export function hearGithub({ event, data }) {
	const kind = event === 'job' && data.queue === 'github-sync' && data.name.replace(/^sync-/, '');
	if (!KINDS.includes(kind))
		return;
	$('progress-' + kind).dataset.job = data.id;
	if (data.state === 'active' && data.progress)
		showProgress(kind, data.progress.percent, data.progress.percent + ' %');
	soon(SOON_MS);
}

/* ---- repositories and languages */

/* The API checks none of GitHub's addresses for us. */
function link(url, text) {
	const known = URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
	const node = element(known ? 'a' : 'span', '', plain(text));
	if (known)
		Object.assign(node, { href: url, rel: 'noopener noreferrer' });
	return node;
}

function makeRepository(repository) {
	const name = link(repository.html_url, repository.full_name), about = element('p'), facts = element('p', 'soft'),
		text = element('span'), pushed = element('span');
	facts.append(text, pushed);
	return [element('li', '', name, about, facts), (now) => {
		put(about, now.description || '');
		about.hidden = !now.description;
		put(text, [now.language, '★ ' + whole(now.stars_count), now.is_fork && 'fork', now.is_archived && 'archived',
			OUTCOMES[now.sync_state], now.pushed_at && 'pushed '].filter(Boolean).join(' · '));
		putTime(pushed, now.pushed_at);
		pushed.hidden = !now.pushed_at;
	}];
}

function showRepositories({ data, pagination }) {
	const rest = pagination.total - data.length;
	rows($('repository-rows'), data, (one) => one.id + one.full_name + one.html_url, makeRepository);
	put($('repository-count'), pagination.total === 1 ? '1 repository.' : whole(pagination.total) + ' repositories' +
		(rest > 0 ? '; ' + whole(data.length) + ' of them are shown, the last pushed first.' : '.'));
	$('repository-more').hidden = rest <= 0 || limit >= MOST;
}

const SVG = 'http://www.w3.org/2000/svg';

function makeLanguage() {
	const text = element('span'), bar = document.createElementNS(SVG, 'svg'), part = document.createElementNS(SVG, 'rect');
	bar.setAttribute('class', 'bar');
	bar.setAttribute('aria-hidden', 'true');
	part.setAttribute('height', '100%');
	bar.append(part);
	return [element('li', '', text, bar), (now) => {
		put(text, now.language + ' ' + now.percent + ' %');
		part.setAttribute('width', Number(now.percent) + '%');
	}];
}

function showLanguages({ data }) {
	const rest = data.languages.length - LANGUAGES;
	rows($('language-rows'), data.languages.slice(0, LANGUAGES), (one) => one.language, makeLanguage);
	put($('language-count'), rest > 0 ? 'and ' + rest + ' more' : data.languages.length === 0 ? 'None is known yet.' : '');
}

/* ---- reading */

/* The year until today lies in two calendars. One that nobody has read yet is read by a job. */
async function readCalendar(state) {
	const year = new Date().getUTCFullYear();
	const path = '/github/contributions/' + encodeURIComponent(username) + '?year=';
	if (!state.syncs.some((sync) => sync.kind === 'contributions' && sync.finished_at))
		return [];
	return [(await call('GET', path + year)).data, (await call('GET', path + (year - 1))).data];
}

function soon(ms) {
	const at = Date.now() + ms;
	if (timer && dueAt <= at)
		return;
	clearTimeout(timer);
	dueAt = at;
	timer = setTimeout(read, ms);
}

async function read() {
	const mine = ++turn;
	timer = 0;
	if (document.hidden || !username) /* until somebody looks again */
		return;
	try {
		const state = (await call('GET', '/github/sync')).data;
		const repositories = await call('GET', '/github/repositories?limit=' + limit);
		const languages = await call('GET', '/users/' + encodeURIComponent(username) + '/languages');
		const years = await readCalendar(state);
		if (mine !== turn)
			return;
		showState(state);
		showRepositories(repositories);
		showLanguages(languages);
		showCalendar(years);
		put($('away'), '');
		soon(['idle', 'disconnected'].includes(state.state) ? RESTING_MS : MOVING_MS);
	} catch (error) {
		if (mine !== turn)
			return;
		put($('away'), waiting(error));
		soon(Math.max(MOVING_MS, error.wait || 0));
	}
}

/* ---- what one may do */

async function syncNow() {
	await call('POST', '/github/sync');
	soon(0);
	return 'A sync was asked for.';
}

async function disconnect() {
	const text = 'CodeGram gives its right to read back to GitHub. What it has read stays; nothing new comes.';
	if (await ask('Disconnect GitHub?', text, 'Disconnect') === null)
		return;
	await call('DELETE', '/github/connection');
	soon(0);
	return 'GitHub is disconnected.';
}

export function showGithub(person) {
	username = person.username;
	limit = MORE;
	soon(0);
}

export const readGithub = () => username && soon(0);

export function hideGithub() {
	clearTimeout(timer);
	timer = 0;
	turn++;
	username = '';
	for (const id of SHOWN)
		$(id).replaceChildren();
	for (const kind of KINDS) {
		showProgress(kind, 0, '');
		delete $('progress-' + kind).dataset.job;
	}
	showCalendar([]);
}

export function startGithub() {
	$('sync-now').onclick = () => act(syncNow);
	$('disconnect').onclick = () => act(disconnect);
	document.addEventListener('visibilitychange', readGithub);
	$('repository-more').onclick = () => {
		limit = Math.min(limit + MORE, MOST);
		soon(0);
	};
}
