#!/usr/bin/env bash
# Checks everything: format and lints, the Rust tests against real redis-server processes, C and C++, the Windows DLL
# under Wine, and the hand-overs between threads with loom. WINDOWS=no leaves Windows out.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${WINDOWS:-yes}" = no ]; then
    echo "WINDOWS=no: the DLL is neither built nor tested"
    export MT5REDIS_WINDOWS=no
    scripts/prepare.sh run lint test
else
    scripts/prepare.sh run lint test windows
    scripts/windows.sh
fi
scripts/lint.sh
scripts/suites.py
cargo test --workspace --doc
scripts/model.sh
