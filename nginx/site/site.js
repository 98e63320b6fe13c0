/* site: the page of the tour: signing in with GitHub, one's things there as they arrive, signing
 * out. session.js has the token, live.js listens, github.js and sessions.js show, told.js is about
 * two other people. */
import { ask } from './ask.js';
import { hearGithub, hideGithub, readGithub, showGithub, startGithub } from './github.js';
import { listen } from './live.js';
import { act, say, sayWrong, waiting, words } from './page.js';
import { call, refresh, signOut, startSession } from './session.js';
import { hideSessions, readSessions } from './sessions.js';
import { $, put, sentence } from './text.js';
import { startTold } from './told.js';

const BEGUN = 'codegram-sign-in', REASON_MAX = 300;
const FAILURES = {
	FORBIDDEN: 'It was refused.', ACCOUNT_SUSPENDED: 'This account is suspended.',
	UPSTREAM_ERROR: 'GitHub answered badly.', TIMEOUT: 'GitHub did not answer in time.',
	SERVICE_UNAVAILABLE: 'A part of CodeGram is away for a moment.', RATE_LIMITED: 'There were too many tries.',
};

let shown = null, stop = null;

/* ---- back from GitHub */

/* The faulty fields, if there are any: JSON as in the API's envelope. */
function detailsIn(query) {
	try {
		return JSON.parse(query.get('details') || '[]').map((d) => String(d.field).replace(/^[/?]/, '') + ': ' + d.message);
	} catch {
		return [];
	}
}

/* Anybody can make a link with a reason in it; it is believed when this tab began to sign in. */
function showFailure() {
	const query = new URLSearchParams(location.search), error = query.get('error');
	const begun = sessionStorage.getItem(BEGUN) !== null;
	sessionStorage.removeItem(BEGUN);
	if (error === null)
		return;
	const known = Object.hasOwn(FAILURES, error) ? FAILURES[error] : 'It did not work.';
	const told = begun && query.get('reason') ? [query.get('reason'), ...detailsIn(query)].join(' · ') : known;
	sayWrong('You were not signed in. ' + sentence(told.slice(0, REASON_MAX)));
	history.replaceState(null, '', location.pathname);
}

/* ---- who is here */

function showParts() {
	for (const part of document.querySelectorAll('[data-signed-in]'))
		part.hidden = part.dataset.signedIn !== String(shown !== null);
	document.title = (shown ? shown.username + ' – ' : '') + 'CodeGram';
}

function hear(message) {
	if (message.event === 'notification') {
		say(message.data.message);
		if (message.data.type === 'security')
			act(readSessions);
	}
	hearGithub(message);
}

function show(person) {
	if (shown && shown.id === person.id)
		return;
	if (shown)
		hide();
	shown = person;
	put($('away'), '');
	put($('person-name'), person.full_name || person.username);
	put($('person-facts'), [person.username, person.email || 'no email address', person.role === 'admin' && 'admin']
		.filter(Boolean).join(' · '));
	showParts();
	showGithub(person);
	act(readSessions);
	stop = listen({
		token: async () => (await call('POST', '/live/token')).data.token,
		state: (text) => put($('live-state'), text),
		welcome: readGithub,
		event: hear,
		refused: () => refresh().catch(() => {}), /* it says whether the session is over */
	});
}

function hide() {
	const inside = document.activeElement.closest('[data-signed-in=true]');
	shown = null;
	stop?.();
	stop = null;
	hideGithub();
	hideSessions();
	put($('person-name'), '');
	put($('person-facts'), '');
	showParts();
	if (inside)
		$('sign-in-title').focus();
}

function ended(error) {
	const was = shown !== null;
	if ($('confirm').open)
		$('confirm').close('');
	hide();
	if (error.status !== 401)
		sayWrong(words(error));
	else if (was)
		sayWrong('Your session has ended. Please sign in again.');
}

function away(error) {
	showParts();
	put($('away'), waiting(error));
}

async function leave(scope, done) {
	await signOut(scope);
	hide();
	return done;
}

async function leaveAll() {
	if (await ask('Sign out everywhere?', 'Every session of yours ends, this one too.', 'Sign out everywhere') === null)
		return;
	return leave('all', 'You are signed out everywhere.');
}

$('sign-in').onclick = $('sign-in-again').onclick = () => sessionStorage.setItem(BEGUN, '1');
$('sign-out').onclick = () => act(() => leave('this', 'You are signed out.'));
$('sign-out-all').onclick = () => act(leaveAll);
startGithub();
startTold();
showFailure();
startSession({ person: show, ended, away });
