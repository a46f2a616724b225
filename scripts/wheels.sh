#!/usr/bin/env bash
# Packs dist/mt5redis-<version>-*.whl: one with the library for Linux x86-64, one for Windows x64 (WINDOWS=no leaves it out), and
# one without a library, which reads everywhere.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
python=$PWD/target/python/bin/python
export SOURCE_DATE_EPOCH=315532800 # the same files make the same wheel

# pack [LIBRARY PLATFORM TARGET]
pack() {
    licences=
    if [ $# -gt 0 ]; then
        licences=$PWD/target/$3.licences.txt
        python3 -B scripts/third_party.py "$3" >"$licences"
    fi
    (cd python && MT5REDIS_WHEEL_LIBRARY=${1:-} MT5REDIS_WHEEL_PLATFORM=${2:-} MT5REDIS_WHEEL_LICENCES=$licences \
        "$python" -m hatchling build -t wheel -d ../dist)
}

cargo build --release --lib
library=$PWD/$target/release/libmt5_redis.so
# The oldest glibc that has what the library asks for.
glibc=$(objdump -T "$library" | grep -o 'GLIBC_2\.[0-9]*' | sort -Vu | tail -1)
pack "$library" "manylinux_2_${glibc#GLIBC_2.}_x86_64" x86_64-unknown-linux-gnu
if [ "${WINDOWS:-yes}" != no ]; then
    scripts/windows.sh
    pack "$PWD/$target/x86_64-win7-windows-gnu/release/mt5_redis.dll" win_amd64 x86_64-win7-windows-gnu
fi
pack
