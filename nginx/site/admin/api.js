/* api: calls of /api/v1/admin, and what their refusals mean, in words. The token lives in
 * sessionStorage and in one header; it never stands in a URL. */
import { reason as wordsOf, request } from '../api.js';
import { sentence } from '../text.js';

const KEY = 'codegram-admin-token';

export const session = {
	token: sessionStorage.getItem(KEY) || '',
	keep: () => sessionStorage.setItem(KEY, session.token),
	end() {
		session.token = '';
		sessionStorage.removeItem(KEY);
	},
};

/* The answer's data; throws a Refusal. */
export const call = async (method, path, body) =>
	(await request(method, '/admin' + path, { token: session.token, body })).data;

const reasons = {
	UNAUTHORIZED: (r) => sentence(r.message) + ' Make a new token and paste it here.',
	FORBIDDEN: () => 'This token is not an admin’s, and this page is for admins only.',
	RATE_LIMITED: () => 'Too many requests with this token; the page waits as long as the server asks.',
	SERVICE_UNAVAILABLE: () => 'A part of the service is away: Redis, PostgreSQL or the API itself.',
	NOT_FOUND: () => 'This is not there (any more): removed, or older than what its queue keeps.',
};

export const reason = (error) => sentence(wordsOf(error, reasons));

/* Nothing will work with this token. */
export const isEnd = (error) => error.status === 401 || (error.status === 403 && error.code !== 'ORIGIN_NOT_ALLOWED');
