#!/usr/bin/env bash
# Runs the Rust tests against newer servers: Redis 8.0 and Valkey 8.1 from Debian 13. It unpacks their packages, with
# the C library they need, under target/servers and installs nothing. It needs apt-get, x86-64 and Debian's keyring.
set -euo pipefail
cd "$(dirname "$0")/.."

home=$PWD/target/servers
root=$home/root
libraries=$root/usr/lib/x86_64-linux-gnu
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
packages=(redis-server redis-tools valkey-server valkey-tools libc6 libssl3t64 liblzf1 libjemalloc2 libatomic1
    liblua5.1-0 libsystemd0 libhiredis1.1.0 lua-cjson lua-bitop libstdc++6 libgcc-s1 libzstd1 libcap2)

fetch() {
    rm -rf "$home"
    mkdir -p "$home"/{packages,lists/partial,cache/archives/partial,root}
    echo "deb [signed-by=$keyring] http://deb.debian.org/debian trixie main" >"$home/sources.list"
    local apt=(apt-get --quiet=2 -o "Dir::Etc::sourcelist=$home/sources.list" -o Dir::Etc::sourceparts=-
        -o "Dir::State::lists=$home/lists" -o "Dir::Cache=$home/cache" -o APT::Sandbox::User=root)
    "${apt[@]}" update
    (cd "$home/packages" && "${apt[@]}" download "${packages[@]}")
    for package in "$home"/packages/*.deb; do dpkg-deb --extract "$package" "$root"; done
}

# NAME: wrappers with the names that the tests call, which run its programs with their own libraries.
programs() {
    mkdir -p "$home/$1"
    local program
    for program in server cli benchmark check-aof; do
        cat >"$home/$1/redis-$program" <<PROGRAM
#!/bin/sh
exec $libraries/ld-linux-x86-64.so.2 --library-path $libraries --argv0 redis-$program $root/usr/bin/$1-$program "\$@"
PROGRAM
        chmod +x "$home/$1/redis-$program"
    done
}

[ -e "$root/usr/bin/valkey-server" ] || fetch
export MT5REDIS_WINDOWS=no
for name in redis valkey; do
    programs "$name"
    "$home/$name/redis-server" --version
    PATH=$home/$name:$PATH cargo test --workspace --no-fail-fast
done
