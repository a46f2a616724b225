#!/usr/bin/env bash
# The library in a C program, every function of it called, under valgrind: no error, no block lost.
set -euo pipefail
cd "$(dirname "$0")/.."
exec cargo test --test c_host valgrind -- --test-threads 1
