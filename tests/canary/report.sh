#!/usr/bin/env bash
# report: canary. A shell test that succeeds, while a program it started wrote a report.
options=${ASAN_OPTIONS#*log_path=}
echo "ERROR: AddressSanitizer: made up" >"${options%%:*}.1"
exit 0
