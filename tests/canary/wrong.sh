#!/usr/bin/env bash
# wrong: canary. A shell test that fails.
echo "the last words of the failing one"
exit 1
