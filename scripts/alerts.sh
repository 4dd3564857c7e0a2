#!/usr/bin/env bash
# Writes the last group of metrics/prometheus/alerts.yml from the rows of metrics/limits.cpp. A test compares the two.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$root"
scripts/build.sh release alert_rules
rules=metrics/prometheus/alerts.yml
text="$(sed '/^  # Written by scripts\/alerts.sh/q' "$rules"; build/release/bin/alert_rules)"
printf '%s\n' "$text" >"$rules"
