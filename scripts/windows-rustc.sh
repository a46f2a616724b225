#!/usr/bin/env bash
# Prints a Rust compiler that can build the Windows DLL, or fails. It must be new enough for this crate and have the
# sources of its standard library, which nobody distributes compiled for this target. WINDOWS_RUSTC overrides Debian's
# rustc-web and the compiler on the PATH.
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
