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

# Most suites wait for servers most of the time, so three run at once, the long ones first. Each prints when it has ended.
suite() {
    local log failed=0
    log=$(mktemp)
    cargo test --workspace --no-fail-fast "$@" >"$log" 2>&1 || failed=$?
    flock scripts/test.sh cat "$log"
    rm -f "$log"
    return "$failed"
}
export -f suite

cargo test --workspace --no-run
{
    # Under Wine, in one folder: one after the other.
    echo --test mql5 --test windows --test dist
    printf -- '--test %s\n' cluster chaos hostile
    echo --lib --bins
    for path in tests/*.rs fleet/tests/*.rs fleet/tests/*/main.rs; do basename "${path%/main.rs}" .rs; done |
        sort -u | grep -vxE 'mql5|windows|dist|cluster|chaos|hostile' | sed 's/^/--test /'
    echo --doc
} | xargs -P 3 -L 1 bash -c 'suite "$@"' suite
scripts/model.sh
