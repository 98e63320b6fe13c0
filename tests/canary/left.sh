#!/usr/bin/env bash
# left: no canary, but its egg: a shell test that ends well, and leaves a daemon behind that has
# no file open.
setsid sleep 600 >/dev/null 2>&1 &
echo "$$ $! $TMPDIR" >>"${CANARY_FOLDER:-$TMPDIR}/started"
