#!/usr/bin/env bash
# Runs the tests of the Python package against real servers, with the debug build of the library, or with
# that of MT5REDIS_LIBRARY.
#
#     scripts/pytest.sh [ARGUMENTS OF PYTEST]
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -z "${MT5REDIS_LIBRARY:-}" ]; then cargo build --quiet --lib; fi
export PYTHONPATH=$PWD/python/src:$PWD/python/tests
exec target/python/bin/python -B -m pytest -p no:cacheprovider -c python/pyproject.toml --rootdir python "${@:-python/tests}"
