/* sessions: where the person is signed in, and the end of each. */
import { ask } from './ask.js';
import { act } from './page.js';
import { call } from './session.js';
import { $, element, plain, put, putTime, rowHead, rows } from './text.js';

async function end(session) {
	if (await ask('End this session?', session.device + ' has to sign in again.', 'End it') === null)
		return;
	await call('DELETE', '/auth/sessions/' + session.id);
	await readSessions();
	return session.device + ' is signed out.';
}

function make(session) {
	const head = rowHead(session.device || 'unknown'), network = element('td'), created = element('td'),
		used = element('td'), last = element('td');
	if (session.is_current) {
		put(last, 'this one');
	} else {
		const button = element('button', '', 'End');
		button.type = 'button';
		button.setAttribute('aria-label', plain('End: ' + session.device));
		button.onclick = () => act(() => end(session));
		last.append(button);
	}
	return [element('tr', '', head, network, created, used, last), (now) => {
		put(network, now.ip_prefix || '–');
		putTime(created, now.created_at);
		putTime(used, now.last_used_at);
	}];
}

export async function readSessions() {
	const { data } = await call('GET', '/auth/sessions');
	rows($('session-rows'), data, (session) => session.id, make);
}

export function hideSessions() {
	$('session-rows').replaceChildren();
}
