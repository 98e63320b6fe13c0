#!/usr/bin/env bash
# hang: canary. A shell test that never ends and is deaf to SIGTERM.
trap '' TERM
while :; do sleep 0.2; done
