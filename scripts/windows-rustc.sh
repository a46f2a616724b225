#!/usr/bin/env bash
# Prints the Rust compiler that can build the Windows DLL, or fails: one with the sources of its standard
# library (nobody offers the library ready-made for this target), and new enough for this crate.
# WINDOWS_RUSTC names another than Debian's rustc-web or the one on the PATH.
set -euo pipefail
cd "$(dirname "$0")/.."

needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
for rustc in ${WINDOWS_RUSTC:-/usr/bin/rustc rustc}; do
    command -v "$rustc" >/dev/null || continue
    [ -e "$("$rustc" --print sysroot)/lib/rustlib/src/rust/library/std/Cargo.toml" ] || continue
    version=$("$rustc" --version | cut -d ' ' -f 2)
    if [ "$(printf '%s\n' "$needed" "$version" | sort -V | head -n 1)" = "$needed" ]; then
        command -v "$rustc"
        exit
    fi
done
exit 1
