#!/usr/bin/env bash
# Runs each fuzz target for SECONDS_EACH, by default 30.
set -euo pipefail
cd "$(dirname "$0")/.."

# RUSTC_BOOTSTRAP lets a stable compiler use sanitizers, which are unstable.
export RUSTC_BOOTSTRAP=1
for target in $(cargo fuzz list); do
    cargo fuzz run "$target" -- -max_total_time="${SECONDS_EACH:-30}"
done
