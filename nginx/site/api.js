/* api: a call of the API, for both pages. A refusal is an error with the API's own words. */
import { setClock } from './text.js';

const ANSWER_MS = 10000, LONGEST_WAIT_S = 3600;

class Refusal extends Error {
	constructor(status, code, message, wait = 0, request = '') {
		super(message);
		Object.assign(this, { status, code, wait, request });
	}
}

function refusal(answer, json) {
	const error = (json && json.error) || {};
	const details = Array.isArray(error.details) ? error.details : [];
	const fields = details.map((d) => String(d.field).replace(/^[/?]/, '') + ': ' + d.message);
	return new Refusal(answer.status, error.code || '',
		[error.message || 'The server answered ' + answer.status + ' without a reason', ...fields].join(' · '),
		Math.min(Number(answer.headers.get('Retry-After')) || 0, LONGEST_WAIT_S) * 1000,
		answer.headers.get('X-Request-Id') || '');
}

/* with.token and with.body as they are; with.cookie: the cookie goes along, and comes back, with
 * the header that proves that this is no other page. The answer's JSON; throws a Refusal. */
export async function request(method, path, { token, body, cookie, answerMs = ANSWER_MS }) {
	const headers = {
		...(token && { Authorization: 'Bearer ' + token }),
		...(body && { 'Content-Type': 'application/json' }),
		...(cookie && { 'X-CodeGram': '1' }),
	};
	let answer, json;
	try {
		answer = await fetch('/api/v1' + path, {
			method,
			headers,
			body: body && JSON.stringify(body),
			credentials: cookie ? 'same-origin' : 'omit',
			cache: 'no-store',
			redirect: 'error',
			signal: AbortSignal.timeout(answerMs),
		});
		json = answer.status === 204 ? { data: null } : await answer.json();
	} catch (error) {
		if (error.name === 'TimeoutError')
			throw new Refusal(0, '', 'The server did not answer within ' + answerMs / 1000 + ' seconds.');
		if (answer && !answer.ok)
			throw refusal(answer, null);
		throw new Refusal(0, '', answer ? 'The server’s answer was cut off.' : 'The server can’t be reached.');
	}
	setClock(answer.headers.get('Date'));
	if (!answer.ok)
		throw refusal(answer, json);
	return json;
}

const reasons = {
	ORIGIN_NOT_ALLOWED: () => 'The API takes no changes from ' + location.origin + ': it has to stand in FRONTEND_URL.',
	INTERNAL_SERVER_ERROR: (r) => 'The server failed at this; its log tells more under request ' + r.request + '.',
};

/* In words; `more` has those of one page. */
export function reason(error, more = {}) {
	const known = { ...reasons, ...more };
	if (!(error instanceof Refusal))
		return 'This page failed: ' + error.message;
	return Object.hasOwn(known, error.code) ? known[error.code](error) : error.message;
}
