/* ask: the dialog "confirm" of both pages. */
import { $, put } from './text.js';

/* Resolves to null, or to whether the box (if there is one) is ticked. */
export function ask(title, text, yes, box) {
	const dialog = $('confirm');
	put($('confirm-title'), title);
	put($('confirm-text'), text);
	put($('confirm-yes'), yes);
	put($('confirm-box-text'), box || '');
	$('confirm-choice').hidden = !box;
	$('confirm-box').checked = false;
	$('confirm-no').onclick = () => dialog.close('');
	$('confirm-yes').onclick = () => dialog.close('yes');
	dialog.returnValue = '';
	dialog.showModal();
	$('confirm-no').focus();
	return new Promise((resolve) => {
		dialog.onclose = () => resolve(dialog.returnValue === 'yes' ? $('confirm-box').checked : null);
	});
}
