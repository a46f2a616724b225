#!/usr/bin/env bash
# Builds mt5_redis.dll for 64-bit Windows: one file that needs only Windows. The build is reproducible: the same sources
# and compiler give the same bytes in any folder.
set -euo pipefail
cd -P "$(dirname "$0")/.."

# The target windows-gnu would need a system DLL that Windows 7, old servers and Wine 8 lack.
target=x86_64-win7-windows-gnu
rustc=$(scripts/windows-rustc.sh)
sysroot=$("$rustc" --print sysroot)

flags=(
    "--remap-path-prefix=$PWD=/mt5-redis"
    "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
    "--remap-path-prefix=$sysroot/lib/rustlib/src/rust=/rust"
    "--remap-path-prefix=$(realpath "$sysroot/lib/rustlib/src/rust")=/rust"
    "-Clink-arg=-Wl,--no-insert-timestamp"
)
# For the C code of the crate ring, which does not recognise this target as Windows.
export CC_x86_64_win7_windows_gnu=x86_64-w64-mingw32-gcc AR_x86_64_win7_windows_gnu=x86_64-w64-mingw32-ar
export CFLAGS_x86_64_win7_windows_gnu="-g0 -ffile-prefix-map=${CARGO_HOME:-$HOME/.cargo}=/cargo"

# RUSTC_BOOTSTRAP lets a stable compiler use build-std, which is unstable.
RUSTC=$rustc RUSTC_BOOTSTRAP=1 CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f'; echo "${flags[*]}") \
    cargo rustc --locked --release --lib --crate-type cdylib \
    -Zbuild-std=std,panic_unwind --target "$target" -- -Dwarnings "-Clinker=$PWD/scripts/windows-gcc"

cd "${CARGO_TARGET_DIR:-target}/$target/release"
sha256sum mt5_redis.dll
