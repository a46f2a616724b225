#!/usr/bin/env bash
# Runs each fuzz target for a short while: SECONDS_EACH, or 30 s.
set -euo pipefail
cd "$(dirname "$0")/.."

# Sanitizers are not stable yet: RUSTC_BOOTSTRAP lets a stable compiler have them.
export RUSTC_BOOTSTRAP=1
for target in $(cargo fuzz list); do
    cargo fuzz run "$target" -- -max_total_time="${SECONDS_EACH:-30}"
done
