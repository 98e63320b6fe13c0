#!/usr/bin/env bash
# skipped: canary. A shell test that can't run here.
echo "the reason of the skipped script"
exit 77
