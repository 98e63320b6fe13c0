/* admin: the operators' page: who may look (a token, pasted once for each tab) and which view is
 * shown. frame.js polls; queues, jobs and schedules are the views. */
import { call, reason, session } from './api.js';
import { startFrame, stop, watch } from './frame.js';
import { jobsView, jobView, startJobs } from './jobs.js';
import { queuesView } from './queues.js';
import { schedulesView } from './schedules.js';
import { $, put } from '../text.js';

const views = { queues: queuesView, jobs: jobsView, job: jobView, schedules: schedulesView };
const parentOf = { job: 'jobs' };
let shown = '';

function showParts(name) {
	const signedIn = Boolean(session.token);
	for (const view in views)
		$(view).hidden = !signedIn || view !== name;
	for (const part of document.querySelectorAll('[data-signed-in]'))
		part.hidden = !signedIn;
	$('sign-in').hidden = signedIn;
	for (const link of document.querySelectorAll('nav a')) {
		if (link.hash === '#' + (parentOf[name] || name))
			link.setAttribute('aria-current', 'page');
		else
			link.removeAttribute('aria-current');
	}
	document.title = (signedIn ? views[name].title : 'Sign in') + ' – CodeGram jobs';
}

function route() {
	const [word, query] = location.hash.slice(1).split('?', 2);
	const name = Object.hasOwn(views, word) ? word : 'queues';
	showParts(name);
	if (!session.token)
		return;
	if (shown)
		views[shown].leave();
	put($('wrong'), '');
	watch(views[name], new URLSearchParams(query || ''));
	if (shown !== name) /* a filter keeps the focus */
		$(name + '-title').focus();
	shown = name;
}

function signOut(why) {
	stop();
	session.end();
	for (const dialog of document.querySelectorAll('dialog[open]'))
		dialog.close();
	for (const view in views)
		views[view].leave();
	for (const body of document.querySelectorAll('tbody'))
		body.replaceChildren();
	shown = '';
	route();
	put($('said'), '');
	put($('away'), '');
	put($('wrong'), why);
	$('token').focus();
}

async function signIn() {
	const pasted = $('token').value.trim().replace(/^Bearer\s+/i, '');
	put($('wrong'), '');
	if (!/^[A-Za-z0-9._~+/=-]{1,4096}$/.test(pasted)) {
		put($('wrong'), 'This is no token: a token has letters, digits, dots and dashes, and no spaces.');
		return;
	}
	session.token = pasted;
	try {
		await call('GET', '/queues');
	} catch (error) {
		session.end();
		put($('wrong'), reason(error));
		$('token').focus();
		return;
	}
	session.keep();
	$('token').value = '';
	route();
}

$('sign-in').onsubmit = (submit) => {
	submit.preventDefault();
	signIn();
};
$('sign-out').onclick = () => signOut('');
onhashchange = route;
startFrame(signOut);
startJobs();
route();
