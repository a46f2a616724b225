#!/usr/bin/env bash
# Checks format and lints.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo fmt --all --check
cargo clippy --workspace --all-targets -- -D warnings
cd python
../target/python/bin/ruff check --no-cache
../target/python/bin/ruff format --no-cache --check
../target/python/bin/mypy --cache-dir ../target/mypy
