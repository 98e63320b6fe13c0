/* told: two people with a token each: one listens on the WebSocket, the other likes by REST. */
import { reason, request } from './api.js';
import { listen } from './live.js';
import { $, element, plain, put } from './text.js';

const seen = new Set();
let stop = null;

function show(message) {
	const { data } = message;
	if (message.event !== 'notification' || seen.has(data.id + data.message))
		return;
	seen.add(data.id + data.message);
	$('events').prepend(element('li', '', plain(data.message)));
}

function start(token) {
	stop?.();
	stop = listen({
		token: async () => (await request('POST', '/live/token', { token })).data.token,
		state: (words) => put($('state'), words),
		event: show,
	});
}

async function like(token, snippet) {
	try {
		const { data } = await request('PUT', '/snippets/' + encodeURIComponent(snippet) + '/like', { token });
		put($('answer'), 'liked; likes: ' + data.likes_count);
	} catch (error) {
		put($('answer'), reason(error));
	}
}

export function startTold() {
	$('listen').onsubmit = (submit) => {
		submit.preventDefault();
		start($('ann-token').value.trim());
	};
	$('like').onsubmit = (submit) => {
		submit.preventDefault();
		like($('bob-token').value.trim(), $('snippet').value.trim());
	};
}
