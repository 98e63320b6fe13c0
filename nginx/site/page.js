/* page: what the page of the tour says of an action, and of what went wrong. */
import { reason } from './api.js';
import { $, put, sentence, span } from './text.js';

let busy = false;

const reasons = {
	RATE_LIMITED: (r) => 'That was too often; try again in ' + span(Math.max(r.wait, 1000)) + '.',
};

export const words = (error) => sentence(reason(error, reasons));

/* Of what this page does again by itself: nobody else has to. */
export const waiting = (error) => sentence(reason(error, {
	...reasons, SERVICE_UNAVAILABLE: () => 'A part of CodeGram is away for a moment',
})) + ' It is tried again.';

export function say(text) {
	put($('wrong'), '');
	put($('said'), text);
}

export function sayWrong(text) {
	put($('said'), '');
	put($('wrong'), text);
}

/* work resolves to what is said then; nothing when it was not done after all. */
export async function act(work) {
	if (busy)
		return;
	busy = true;
	try {
		const done = await work();
		if (done)
			say(done);
	} catch (error) {
		sayWrong(words(error));
	}
	busy = false;
}
