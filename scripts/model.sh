#!/usr/bin/env bash
# Runs the lock-free parts in every order of two threads, with loom. Uses a RAM disk if there is one.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi
export RUSTFLAGS="--cfg loom" CARGO_PROFILE_TEST_DEBUG=0 CARGO_PROFILE_TEST_OPT_LEVEL=1
exec timeout 900 cargo test --lib --target-dir "${CARGO_TARGET_DIR:-target}/loom" -- interleavings
