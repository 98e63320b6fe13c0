/* calendar: contributions of the year until today, a column for each week; in words besides. */
import { $, many, put } from './text.js';

const DAY_MS = 86400000, WEEKS = 53, CELL = 12, SVG = 'http://www.w3.org/2000/svg';

const dayOf = (ms) => new Date(ms).toISOString().slice(0, 10);

function cell(week, day, date, count, most) {
	const node = document.createElementNS(SVG, 'rect'), title = document.createElementNS(SVG, 'title');
	const words = { x: week * CELL, y: day * CELL, width: CELL - 2, height: CELL - 2, rx: 2,
		class: 'level-' + Math.ceil(4 * count / most) };
	for (const word in words)
		node.setAttribute(word, words[word]);
	put(title, date + ': ' + many(count, 'contribution'));
	node.append(title);
	return node;
}

/* years: answers of the API, this year's first; those that are not known yet have no days. */
export function showCalendar(years) {
	const known = years.filter((year) => Array.isArray(year.days) && year.days.length > 0);
	const counts = new Map(known.flatMap((year) => year.days.map((day) => [day.date, Number(day.count)])));
	const today = Math.floor(Date.now() / DAY_MS), first = today - (today + 4) % 7 - 7 * (WEEKS - 1); /* a Sunday */
	const days = [];
	for (let day = first; day <= today; day++)
		days.push([dayOf(day * DAY_MS), counts.get(dayOf(day * DAY_MS)) || 0]);
	const most = Math.max(1, ...days.map(([, count]) => count));
	const total = days.reduce((sum, [, count]) => sum + count, 0);
	$('calendar').toggleAttribute('hidden', known.length === 0);
	$('calendar').replaceChildren(...(known.length === 0 ? [] :
		days.map(([date, count], i) => cell(Math.floor(i / 7), i % 7, date, count, most))));
	put($('calendar-words'), known.length === 0 ? 'The calendar is not known yet.' :
		many(total, 'contribution') + ' in a year. Streak: ' + many(years[0].current_streak || 0, 'day') +
		' now, ' + many(years[0].longest_streak || 0, 'day') + ' at best this year.' +
		(known.some((year) => year.is_stale) ? ' GitHub has not told the newest yet.' : ''));
}
