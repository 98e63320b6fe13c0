/* live: a connection to the relay (cg.v1). Comes back by itself as the close codes ask (40xx
 * never, 41xx later, 42xx at once), resuming where it was. */
import { reason } from './api.js';

const LONGEST_PAUSE_MS = 30000;

/* Half of it at least: those who were cut together do not come back together. */
const about = (ms) => ms * (0.5 + Math.random() / 2);

const mayPass = (error) => error.status === 0 || error.status === 429 || error.status >= 500;

/* who: token() a promise of a live token; state(words); welcome(), event(message); refused() when
 * the relay takes the token no more. What comes back ends it. */
export function listen(who) {
	let socket = null, resume, timer = 0, expiry = 0, pause = 1000, asks = 0, over = false;

	function later(ms) {
		if (!over)
			timer = setTimeout(open, ms);
	}

	/* The token ends soon; without a new one the relay closes. */
	async function refresh(on) {
		try {
			const token = await who.token();
			if (on.readyState === WebSocket.OPEN)
				on.send(JSON.stringify({ type: 'refresh', id: ++asks, token }));
		} catch (error) {
			who.state(reason(error));
		}
	}

	function take(message) {
		if (message.offset)
			resume = { epoch: message.epoch || resume.epoch, offset: message.offset };
		if (message.type === 'welcome') {
			pause = 1000;
			who.state('listening');
			who.welcome?.();
		} else if (message.type === 'event') {
			who.event(message);
		} else if (message.type === 'expiring') {
			/* Half of what is left: so tokens of any life are asked for in bounds. */
			clearTimeout(expiry);
			expiry = setTimeout(refresh, Math.max(1, message.in) * 500, socket);
		}
	}

	/* A relay that ends tells each after how many ms to come again. */
	function closed({ code, reason: told }) {
		clearTimeout(expiry);
		if (over)
			return;
		const final = code >= 4000 && code < 4100;
		who.state('closed (' + code + ')' + (final ? '' : '; it is tried again'));
		if (code === 4003 || code === 4005)
			who.refused?.();
		if (final)
			return;
		pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
		later(code >= 4200 ? Math.min(Number(told) || Math.random() * 1000, LONGEST_PAUSE_MS) : about(pause));
	}

	function connect(token) {
		const scheme = location.protocol === 'https:' ? 'wss://' : 'ws://';
		socket = new WebSocket(scheme + location.host + '/live', 'cg.v1');
		socket.onopen = () => socket.send(JSON.stringify({ type: 'hello', token, resume }));
		socket.onmessage = (frame) => take(JSON.parse(frame.data));
		socket.onclose = closed;
	}

	async function open() {
		who.state('connecting');
		try {
			const token = await who.token();
			if (!over)
				connect(token);
		} catch (error) {
			who.state(reason(error));
			pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
			if (mayPass(error))
				later(Math.max(about(pause), error.wait || 0));
		}
	}

	open();
	return () => {
		over = true;
		clearTimeout(timer);
		socket?.close(1000);
	};
}
