#!/usr/bin/env bash
# The lock-free parts in every order that two threads can take, by loom. Files go to memory where there is some.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi
export RUSTFLAGS="--cfg loom" CARGO_PROFILE_TEST_DEBUG=0 CARGO_PROFILE_TEST_OPT_LEVEL=1
exec timeout 900 cargo test --lib --target-dir "${CARGO_TARGET_DIR:-target}/loom" -- interleavings
