/* session: who is signed in, and their access token, which is in memory alone. A new one comes by
 * the cookie before the old one ends; one tab asks at a time, so that none comes with a cookie
 * that another has used meanwhile (that would end the session). */
import { request } from './api.js';

const LOST_MS = 4000, SHARE = 0.8, FIRST_PAUSE_MS = 2000, LONGEST_PAUSE_MS = 60000;

let token = '', dueAt = 0, timer = 0, pause = FIRST_PAUSE_MS, asking = null, told = null;

/* When an answer was lost the same cookie brings the same token once more, for ten seconds. */
async function ask() {
	const how = { cookie: true, answerMs: LOST_MS };
	try {
		return await request('POST', '/auth/refresh', how);
	} catch (error) {
		if (error.status !== 0)
			throw error;
		return request('POST', '/auth/refresh', how);
	}
}

const alone = (work) => navigator.locks ? navigator.locks.request('codegram-refresh', work) : work();

async function renew() {
	clearTimeout(timer);
	try {
		const { data } = await alone(ask);
		token = data.accessToken;
		dueAt = Date.now() + data.expiresIn * 1000 * SHARE;
		timer = setTimeout(keep, data.expiresIn * 1000 * SHARE);
		/* Another tab may have signed somebody else in. */
		told.person((await request('GET', '/auth/me', { token })).data);
		pause = FIRST_PAUSE_MS;
	} catch (error) {
		failed(error);
		throw error;
	}
}

function failed(error) {
	clearTimeout(timer);
	if (error.status === 401 || error.status === 403) {
		token = '';
		told.ended(error);
		return;
	}
	timer = setTimeout(keep, Math.max(pause, error.wait || 0));
	pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
	told.away(error);
}

export function refresh() {
	asking = asking || renew().finally(() => { asking = null; });
	return asking;
}

const keep = () => refresh().catch(() => {}); /* it was told already */

/* The answer's JSON, as the person who is signed in. */
export async function call(method, path, how = {}) {
	if (Date.now() >= dueAt)
		await refresh();
	try {
		return await request(method, path, { ...how, token });
	} catch (error) {
		if (error.status !== 401)
			throw error;
	}
	await refresh();
	return request(method, path, { ...how, token });
}

export async function signOut(scope) {
	await call('POST', '/auth/logout', { body: { scope }, cookie: true });
	clearTimeout(timer);
	token = '';
	dueAt = 0;
}

/* listener: person(me) after each refresh; ended(error); away(error), it is tried again. */
export function startSession(listener) {
	told = listener;
	document.addEventListener('visibilitychange', () => {
		if (!document.hidden && token && Date.now() >= dueAt) /* timers rest while a computer sleeps */
			keep();
	});
	return keep();
}
