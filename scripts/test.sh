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

# Most tests wait for servers most of the time, so those of mt5fleet run beside the others. All are built for the whole
# workspace, since features that differ would build the dependencies twice.
names() { for path in "$@"; do path=${path%/main.rs}; basename "${path%.rs}"; done | sort -u; }
fleet=$(names fleet/tests/*.rs fleet/tests/*/main.rs)
others=$(comm -23 <(names tests/*.rs) <(echo "$fleet"))
cargo test --workspace --no-run
log=$(mktemp)
# shellcheck disable=SC2046
cargo test --workspace --no-fail-fast $(printf -- '--test %s ' $fleet) >"$log" 2>&1 &
beside=$!
trap 'kill "$beside" 2>/dev/null || true; rm -f "$log"' EXIT
failed=0
# shellcheck disable=SC2046
cargo test --workspace --no-fail-fast --lib --bins --examples $(printf -- '--test %s ' $others) || failed=$?
cargo test --workspace --no-fail-fast --doc || failed=$?
wait "$beside" || failed=$?
cat "$log"
[ "$failed" = 0 ] || exit "$failed"
scripts/model.sh
