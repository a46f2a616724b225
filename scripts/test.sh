#!/usr/bin/env bash
# Checks everything: format and lints, the Rust tests against real redis-server processes, C and C++, the Windows DLL
# under Wine, the page of mt5fleet web in a browser, and the hand-overs between threads with loom. WINDOWS=no leaves Windows
# out, MT5REDIS_BROWSER=no the browser.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${WINDOWS:-yes}" = no ]; then
    echo "WINDOWS=no: the DLL is neither built nor tested"
    export MT5REDIS_WINDOWS=no
    scripts/prepare.sh run lint test web
else
    scripts/prepare.sh run lint test web windows
    scripts/windows.sh
fi
if [ "${MT5REDIS_BROWSER:-yes}" = no ]; then
    echo "MT5REDIS_BROWSER=no: the page of mt5fleet web is not tested in a browser"
else
    scripts/prepare.sh browser
fi
scripts/web.sh
scripts/lint.sh
scripts/suites.py
cargo test --workspace --doc
scripts/model.sh
