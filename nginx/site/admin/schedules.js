/* schedules: what the clock makes, when it did last, when it will again, what is overdue. */
import { call } from './api.js';
import { button, post } from './frame.js';
import { $, element, put, putTime, rowHead, rows } from '../text.js';

async function run(name) {
	await post('/schedules/' + encodeURIComponent(name) + '/run');
	return name + ' runs now; its next run stays as it is.';
}

function scheduleRow({ name }) {
	const [expression, makes, last, next, state] = Array.from({ length: 5 }, () => element('td'));
	const row = element('tr', '', rowHead(name), expression, makes, last, next, state,
		element('td', '', button('Run now', name, () => run(name))));
	return [row, (schedule) => {
		put(expression, schedule.expression + ' (' + schedule.zone + ')');
		put(makes, schedule.job + ' in ' + schedule.queue);
		const byHand = (schedule.last_manual_run || '') > (schedule.last_slot || '');
		putTime(last, byHand ? schedule.last_manual_run : schedule.last_slot, true);
		putTime(next, schedule.next_run, true);
		put(state, schedule.overdue ? 'overdue' : byHand ? 'run by hand'
			: schedule.last_state || 'not run yet');
		row.className = schedule.overdue ? 'warn' : '';
	}];
}

export const schedulesView = {
	title: 'Schedules',
	read: () => call('GET', '/schedules'),
	show: (schedules) => rows($('schedule-rows'), schedules, (schedule) => schedule.name, scheduleRow),
	leave: () => {},
};
