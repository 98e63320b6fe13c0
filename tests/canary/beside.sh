#!/usr/bin/env bash
# beside: no canary. Writes down when it begins and ends.
echo "began $$" >>"${CANARY_FOLDER:-$TMPDIR}/diary"
sleep 0.5
echo "ended $$" >>"${CANARY_FOLDER:-$TMPDIR}/diary"
