#!/usr/bin/env bash
# The page of the tour in a real browser: ann listens, bob likes, and ann's page shows it.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/clients/browser.sh
source tests/clients/browser.sh

stack start "$work/stack" --build build/san --fsync off
eval "$(tools/stack env "$work/stack")"
ann=$(tools/stack ctl "$work/stack" token ann --create)
bob=$(tools/stack ctl "$work/stack" token bob --create)
snippet=$(curl -sf -H "Authorization: Bearer $ann" -H 'Content-Type: application/json' \
	-d '{"title":"Sorting","code":"x"}' "$URL/api/v1/snippets" | jq -r .data.id)

browser_start
go "$URL/"
script "document.getElementById('ann-token').value = '$ann';
	document.getElementById('bob-token').value = '$bob';
	document.getElementById('snippet').value = '$snippet';
	document.querySelector('#listen button').click();" >/dev/null
wait_for "listening" "return document.getElementById('state').textContent" "listening"
script "document.querySelector('#like button').click()" >/dev/null
wait_for "bob's answer" "return document.getElementById('answer').textContent" "likes: 1"
wait_for "what ann sees" "return document.getElementById('events').textContent" \
	'bob liked your snippet "Sorting"'
# A page of another origin may not read the API.
go 'data:text/html,<p>elsewhere'
script "window.said = ''; fetch('$URL/api/v1/tags').then(() => said = 'read', () => said = 'refused')" >/dev/null
wait_for "a foreign page" "return window.said" "refused"
echo "the browser showed it"
