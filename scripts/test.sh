#!/usr/bin/env bash
# Everything this project promises, checked: format and lints, the Rust tests against real redis-server
# processes, C and C++, the Windows DLL under Wine, and the hand-overs between threads by loom.
# WINDOWS=no leaves Windows out.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${WINDOWS:-yes}" = no ]; then
    echo "WINDOWS=no: the DLL is not built and nothing is tested under Windows"
    export MT5REDIS_WINDOWS=no
    scripts/prepare.sh run lint test
else
    scripts/prepare.sh run lint test windows
    scripts/windows.sh
fi
scripts/lint.sh
cargo test --workspace --no-fail-fast
scripts/model.sh
