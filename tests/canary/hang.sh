#!/usr/bin/env bash
# hang: canary. A shell test that never ends, is deaf to SIGTERM, and has started a daemon.
trap '' TERM
env -u TEST_ENDED setsid sleep 600 >"$TMPDIR/daemon" 2>&1 &
echo "$$ $! $TMPDIR" >>"${CANARY_FOLDER:-$TMPDIR}/started"
while :; do sleep 0.2; done
