#!/usr/bin/env bash
# Calls every function of the library from a C program under valgrind: no errors, no leaks.
set -euo pipefail
cd "$(dirname "$0")/.."
exec cargo test --test c_host valgrind -- --test-threads 1
