/* site: the page of the tour: one person listens on the WebSocket, another likes by REST.
 * Speaks cg.v1; comes back by itself as the close codes ask (40xx never, 41xx later, 42xx at
 * once), resuming where it was. */
'use strict';

const show = (id, text) => { document.getElementById(id).textContent = text; };

async function call(method, path, token, body) {
	const answer = await fetch('/api/v1' + path, {
		method,
		headers: { Authorization: 'Bearer ' + token, ...(body && { 'Content-Type': 'application/json' }) },
		body: body && JSON.stringify(body),
	});
	const json = answer.status === 204 ? {} : await answer.json();
	if (!answer.ok)
		throw new Error(json.error ? json.error.message : 'status ' + answer.status);
	return json.data;
}

let socket, resume, seen = new Set(), pause = 1000;

function showEvent(message) {
	if (message.event !== 'notification' || seen.has(message.data.id + message.data.message))
		return;
	seen.add(message.data.id + message.data.message);
	const item = document.createElement('li');
	item.textContent = message.data.message;
	document.getElementById('events').prepend(item);
}

async function listen(token) {
	const live = await call('POST', '/live/token', token);
	const scheme = location.protocol === 'https:' ? 'wss://' : 'ws://';
	socket = new WebSocket(scheme + location.host + '/live', 'cg.v1');
	socket.onopen = () => socket.send(JSON.stringify({ type: 'hello', token: live.token, resume }));
	socket.onmessage = (frame) => {
		const message = JSON.parse(frame.data);
		if (message.offset)
			resume = { epoch: message.epoch || resume.epoch, offset: message.offset };
		if (message.type === 'welcome') {
			pause = 1000;
			show('state', 'listening');
		}
		if (message.type === 'event')
			showEvent(message);
	};
	socket.onclose = (close) => {
		show('state', 'closed (' + close.code + ')');
		if (close.code >= 4000 && close.code < 4100)
			return;
		pause = Math.min(pause * 2, 30000);
		setTimeout(() => start(token), close.code >= 4200 ? Math.random() * 1000 : pause);
	};
}

function start(token) {
	show('state', 'connecting');
	listen(token).catch((error) => show('state', error.message));
}

document.getElementById('listen').onsubmit = (submit) => {
	submit.preventDefault();
	start(document.getElementById('ann-token').value.trim());
};

document.getElementById('like').onsubmit = (submit) => {
	submit.preventDefault();
	call('PUT', '/snippets/' + encodeURIComponent(document.getElementById('snippet').value.trim()) + '/like',
		document.getElementById('bob-token').value.trim())
		.then((data) => show('answer', 'liked; likes: ' + data.likes_count))
		.catch((error) => show('answer', error.message));
};
