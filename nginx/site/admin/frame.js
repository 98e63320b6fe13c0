/* frame: how any view lives: it is read once a second while somebody looks, and its buttons say
 * what came of it.
 * A view is { title, read(words) → data, show(data, words), leave() }. */
import { call, isEnd, reason, session } from './api.js';
import { $, element, plain, put, span } from '../text.js';

const POLL_MS = 1000, LONGEST_PAUSE_MS = 30000;

const poll = { timer: 0, turn: 0, errors: 0, notBefore: 0, view: null, words: null };
let onEnd = null;

/* ---- polling */

function later(ms) {
	const live = $('live').checked;
	clearTimeout(poll.timer);
	if (live && !document.hidden)
		poll.timer = setTimeout(tick, ms);
	put($('state'), !live ? 'stopped' : poll.errors ? 'next try in ' + span(Math.max(ms, 1000)) : 'up to date');
}

function failed(error) {
	const pause = Math.min(POLL_MS * 2 ** ++poll.errors, LONGEST_PAUSE_MS) * (0.8 + 0.2 * Math.random());
	const wait = error.wait || 0;
	if (isEnd(error)) {
		onEnd(reason(error));
		return;
	}
	put($('away'), reason(error));
	poll.notBefore = performance.now() + wait;
	later(Math.max(pause, wait));
}

async function tick() {
	const turn = ++poll.turn, began = performance.now();
	if (!session.token || document.hidden)
		return;
	try {
		const data = await poll.view.read(poll.words);
		if (turn !== poll.turn) /* somebody went on to another view meanwhile */
			return;
		poll.view.show(data, poll.words);
		poll.errors = 0;
		put($('away'), '');
		later(Math.max(POLL_MS - (performance.now() - began), POLL_MS / 10));
	} catch (error) {
		if (turn === poll.turn)
			failed(error);
	}
}

/* Reads anew at once, yet never before the server wants to be asked again. */
export function refresh() {
	clearTimeout(poll.timer);
	poll.turn++;
	poll.timer = setTimeout(tick, Math.max(0, poll.notBefore - performance.now()));
}

export function watch(view, words) {
	Object.assign(poll, { view, words });
	put($('away'), '');
	refresh();
}

export function stop() {
	clearTimeout(poll.timer);
	poll.turn++;
	poll.errors = 0;
}

/* ---- actions */

let busy = false;

/* work resolves to what is said then; nothing when it was not done after all. */
export async function act(work) {
	if (busy)
		return;
	busy = true;
	put($('wrong'), '');
	try {
		const done = await work();
		if (done)
			put($('said'), new Date().toLocaleTimeString('en-GB') + ' ' + done);
	} catch (error) {
		put($('said'), '');
		if (isEnd(error))
			onEnd(reason(error));
		else
			put($('wrong'), reason(error));
	}
	busy = false;
	refresh();
}

export function label(button, text, about) {
	put(button, text);
	button.setAttribute('aria-label', plain(text + ': ' + about));
}

export function button(text, about, work, className) {
	const node = element('button', className);
	node.type = 'button';
	node.onclick = () => act(work);
	label(node, text, about);
	return node;
}

export const post = (path, body) => call('POST', path, body);

export const fragment = (view, words) => '#' + view + '?' + new URLSearchParams(words);

export function startFrame(end) {
	onEnd = end;
	$('live').onchange = refresh;
	document.onvisibilitychange = () => document.hidden || refresh();
}
