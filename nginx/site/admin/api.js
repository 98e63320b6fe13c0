/* api: calls of /api/v1/admin, and what their refusals mean, in words. The token lives in
 * sessionStorage and in one header; it never stands in a URL. */
import { setClock } from './text.js';

const ANSWER_MS = 10000, LONGEST_WAIT_S = 3600, KEY = 'codegram-admin-token';

export const session = {
	token: sessionStorage.getItem(KEY) || '',
	keep: () => sessionStorage.setItem(KEY, session.token),
	end() {
		session.token = '';
		sessionStorage.removeItem(KEY);
	},
};

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

/* The answer's data; throws a Refusal. */
export async function call(method, path, body) {
	let answer, json;
	try {
		answer = await fetch('/api/v1/admin' + path, {
			method,
			headers: { Authorization: 'Bearer ' + session.token, ...(body && { 'Content-Type': 'application/json' }) },
			body: body && JSON.stringify(body),
			credentials: 'omit',
			cache: 'no-store',
			redirect: 'error',
			signal: AbortSignal.timeout(ANSWER_MS),
		});
		json = answer.status === 204 ? { data: null } : await answer.json();
	} catch (error) {
		if (error.name === 'TimeoutError')
			throw new Refusal(0, '', 'The server did not answer within 10 seconds.');
		if (answer && !answer.ok)
			throw refusal(answer, null);
		throw new Refusal(0, '', answer ? 'The server’s answer was cut off.' : 'The server can’t be reached.');
	}
	setClock(answer.headers.get('Date'));
	if (!answer.ok)
		throw refusal(answer, json);
	return json.data;
}

const reasons = {
	UNAUTHORIZED: (r) => r.message + '. Make a new token and paste it here.',
	FORBIDDEN: () => 'This token is not an admin’s, and this page is for admins only.',
	ORIGIN_NOT_ALLOWED: () => 'The API takes no changes from ' + location.origin + ': it has to stand in FRONTEND_URL.',
	RATE_LIMITED: () => 'Too many requests with this token; the page waits as long as the server asks.',
	SERVICE_UNAVAILABLE: () => 'A part of the service is away: Redis, PostgreSQL or the API itself.',
	NOT_FOUND: () => 'This is not there (any more): removed, or older than what its queue keeps.',
	INTERNAL_SERVER_ERROR: (r) => 'The server failed at this; its log tells more under request ' + r.request + '.',
};

export function reason(error) {
	if (!(error instanceof Refusal))
		return 'This page failed: ' + error.message;
	return Object.hasOwn(reasons, error.code) ? reasons[error.code](error) : error.message;
}

/* Nothing will work with this token. */
export const isEnd = (error) => error.status === 401 || (error.status === 403 && error.code !== 'ORIGIN_NOT_ALLOWED');
