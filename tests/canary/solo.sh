#!/usr/bin/env bash
# solo: no canary. Writes down when it begins and ends.
# alone: so that tests/runner sees that nothing runs beside it
echo "began alone" >>"${CANARY_FOLDER:-$TMPDIR}/diary"
sleep 0.5
echo "ended alone" >>"${CANARY_FOLDER:-$TMPDIR}/diary"
