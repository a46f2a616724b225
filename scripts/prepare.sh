#!/usr/bin/env bash
# Installs what a make target needs and this machine lacks, or says what to install.
#
#     scripts/prepare.sh GROUP...        run, bench, lint, test, web, browser, windows, dist or fuzz
#
# It installs packages of Debian and Ubuntu with apt-get, as root or with a sudo that asks for no password. It removes
# nothing, and leaves no redis-server or PostgreSQL running as a service. If nothing is missing it does nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=()

# need PACKAGE COMMAND_OR_FILE...: any of the commands or files proves that the package is installed.
need() {
    local package=$1 sign
    shift
    for sign; do
        if command -v "$sign" >/dev/null || [ -e "$sign" ]; then return; fi
    done
    packages+=("$package")
}

give_up() {
    printf '%s\n' "$@" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

can_install() {
    command -v apt-get >/dev/null && as_root true 2>/dev/null
}

# Runs once, and only if something is missing.
refresh_lists() {
    if [ -n "${refreshed:-}" ] || ! can_install; then return; fi
    refreshed=yes
    as_root apt-get update --quiet=2 || echo "apt-get update failed; going on with the lists that are here" >&2
}

install_packages() {
    local command="apt-get install --no-install-recommends ${packages[*]}"
    command -v apt-get >/dev/null ||
        give_up "Missing, by their names in Debian: ${packages[*]}" "Install them, then run make again."
    can_install || give_up "Missing: ${packages[*]}" "Run: sudo $command" "Then run make again."

    echo "Installing: ${packages[*]}"
    refresh_lists
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --quiet=2 --no-install-recommends --no-remove "${packages[@]}" ||
        give_up "apt-get could not install ${packages[*]}" "Run: sudo $command" "Then run make again."
    case " ${packages[*]} " in
    *" redis-server "*)
        as_root service redis-server stop || true
        as_root update-rc.d redis-server disable
        ;;
    esac
    case " ${packages[*]} " in
    *" postgresql "*)
        as_root service postgresql stop || true
        as_root update-rc.d postgresql disable
        ;;
    esac
}

need_rust() {
    command -v cargo >/dev/null || give_up "Rust is missing: install it from https://rustup.rs, then run make again."
    # The linker and the C library for every Rust program.
    need gcc cc
    need libc6-dev /usr/include/stdio.h
}

need_lint() {
    if cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1; then return; fi
    rustup component add rustfmt clippy || give_up "rustfmt and clippy are missing: install them, then run make again."
}

need_python() {
    python3 -c 'import ensurepip' 2>/dev/null || packages+=(python3 python3-venv)
}

# The compiler for Windows, the sources of its standard library, a linker, and Wine to run the result.
need_windows() {
    need gcc-mingw-w64-x86-64-posix x86_64-w64-mingw32-gcc
    need g++-mingw-w64-x86-64-posix x86_64-w64-mingw32-g++
    need wine64 /usr/lib/wine/wine64 wine64 wine
    if scripts/windows-rustc.sh >/dev/null; then return; fi
    refresh_lists
    if apt-cache show rustc-web >/dev/null 2>&1 && [ -z "${WINDOWS_RUSTC:-}" ]; then
        packages+=(rustc-web rust-web-src)
    else
        # Ubuntu has no rustc-web; rustup's compiler works too, with its sources.
        rustup component add rust-src && scripts/windows-rustc.sh >/dev/null ||
            give_up "The Windows DLL needs a Rust compiler with the sources of its standard library:" \
                "run rustup component add rust-src, or leave the Windows part out: make test WINDOWS=no"
    fi
}

need_rust
for group; do
    case $group in
    run)
        need redis-server redis-server
        need redis-tools redis-cli
        ;;
    bench)
        need redis-server redis-server
        need redis-tools redis-benchmark
        need gcc cc
        need valgrind valgrind
        need libhiredis-dev /usr/include/hiredis/hiredis.h
        need libzmq3-dev /usr/include/zmq.h
        need librdkafka-dev /usr/include/librdkafka/rdkafka.h
        ;;
    lint)
        need_lint
        need_python
        ;;
    test)
        need g++ c++
        need valgrind valgrind
        need libhiredis-dev /usr/include/hiredis/hiredis.h
        need postgresql /usr/lib/postgresql/*/bin/initdb
        need openssl openssl
        need_python
        ;;
    web)
        need nodejs node
        need npm npm
        ;;
    browser) need chromium chromium ;;
    windows) need_windows ;;
    dist) need python3 python3 ;;
    fuzz)
        need g++ c++
        cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz
        ;;
    *) give_up "prepare.sh knows no group $group" ;;
    esac
done
if [ ${#packages[@]} -gt 0 ]; then install_packages; fi

# What the tests and lints of the Python package and the documents' Python examples need.
case " $* " in
*" test "* | *" lint "*)
    wanted=python/requirements-test.txt
    if ! cmp --quiet "$wanted" target/python/installed.txt; then
        python3 -m venv --clear target/python
        target/python/bin/pip install --quiet --requirement "$wanted"
        cp "$wanted" target/python/installed.txt
    fi
    ;;
esac
