/* text: how things are written on both pages. What the API tells is hostile (payloads, errors,
 * names): it enters a page by textContent alone, here. */
const TEXT_MAX = 100000;

export const $ = (id) => document.getElementById(id);

/* Controls, and marks that turn the direction of writing, are shown instead of obeyed. */
export function plain(text) {
	const shown = String(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
		(c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));
	return shown.length > TEXT_MAX ? shown.slice(0, TEXT_MAX) + '\n… (cut here)' : shown;
}

export function put(node, text) {
	const shown = plain(text);
	if (node.textContent !== shown)
		node.textContent = shown;
}

export function element(tag, className, ...children) {
	const node = document.createElement(tag);
	if (className)
		node.className = className;
	node.append(...children);
	return node;
}

/* The name of a row, with its text as a link when there is an address. */
export function rowHead(text, href) {
	const head = element('th', '', href ? element('a', '', plain(text)) : plain(text));
	head.scope = 'row';
	if (href)
		head.firstChild.href = href;
	return head;
}

export const empty = (value) => value === undefined || value === null || value === '';
export const written = (value) => typeof value === 'string' ? value : JSON.stringify(value, null, 2);
export const whole = (number) => Number(number || 0).toLocaleString('en');

/* A unit is used from so many of it on: 59 days, 2 months, 23 months, 2 years. */
const DAY_MS = 86400000;
const UNITS = [['y', 365.25 * DAY_MS, 2], ['mo', 30.4375 * DAY_MS, 2], ['d', DAY_MS, 1], ['h', 3600000, 1], ['min', 60000, 1], ['s', 1000, 1]];

export function span(ms) {
	for (const [unit, size, least] of UNITS)
		if (ms >= size * least)
			return Math.floor(ms / size) + ' ' + unit;
	return Math.floor(ms) + ' ms';
}

let ahead = 0; /* the server's clock, of this computer's, in ms */

/* The header Date has whole seconds: smaller differences are not believed. */
export function setClock(date) {
	const ms = Date.parse(date) - Date.now();
	ahead = Math.abs(ms) > 2000 ? ms : 0;
}

function distance(time) {
	const ms = Date.parse(time) - Date.now() - ahead;
	if (Math.abs(ms) < 1000)
		return 'now';
	return ms < 0 ? span(-ms) + ' ago' : 'in ' + span(ms);
}

/* A time of the API by its distance from now, on request with the time itself. */
export function putTime(node, time, both) {
	const known = !Number.isNaN(Date.parse(time));
	const text = known ? distance(time) : '–';
	put(node, known && both ? String(time).replace('T', ' ') + ' (' + text + ')' : text);
	node.title = known ? time : '';
}

/* ---- words */

export const many = (number, one) => whole(number) + ' ' + one + (Number(number) === 1 ? '' : 's');

/* Ends as a sentence does, so that another may follow. */
export const sentence = (text) => !text || /[.!?…]$/.test(text) ? text || '' : text + '.';

/* ---- rows */

const fillOf = new WeakMap();

/* The columns' names, for a window that is too narrow for columns (cards.css). A name below
 * another gets the unit of that. */
function columns(table) {
	const [upper, lower] = table.tHead.rows;
	const below = lower ? [...lower.cells] : [];
	return [...upper.cells].flatMap((cell) => cell.colSpan === 1 ? [cell.textContent] :
		below.splice(0, cell.colSpan).map((one) => one.textContent + cell.dataset.unit));
}

function labelCells(row, names) {
	[...row.cells].forEach((cell, i) => {
		if (cell.dataset.label !== names[i])
			cell.dataset.label = names[i];
	});
}

/* One row for each item. A row keeps its element as long as its key is there, so that the
 * reader's focus and selection survive a new reading. make(item) → [row, fill(item)]. */
export function rows(body, items, keyOf, make) {
	const kept = new Map([...body.children].map((row) => [row.dataset.key, row]));
	const wanted = new Set(items.map(keyOf));
	for (const [key, row] of kept) {
		if (wanted.has(key))
			continue;
		if (row.contains(document.activeElement))
			body.closest('section').querySelector('h2').focus();
		row.remove();
	}
	const names = body.tagName === 'TBODY' ? columns(body.parentElement) : null;
	items.forEach((item, i) => {
		let row = kept.get(keyOf(item));
		if (!row) {
			const [made, fill] = make(item);
			row = made;
			row.dataset.key = keyOf(item);
			fillOf.set(row, fill);
		}
		if (body.children[i] !== row)
			body.insertBefore(row, body.children[i] || null);
		fillOf.get(row)(item);
		if (names)
			labelCells(row, names);
	});
}
