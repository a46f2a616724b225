#!/bin/sh
# Starts one server of an arrangement by its name, with a configuration file of its own in a data folder. The
# file is made at the first start only: Sentinel and failovers write into it.
#
#     sh node.sh NAME FOLDER [LINE...]
#
#     ris rts rtss              a server for each lane
#     ris-a ris-b ... rtss-b    a master at first and its replica, for each lane
#     sentinel-1 -2 -3          the Sentinels that watch them
#     node-1 ... node-6         the nodes of a Cluster
#
# LINE is added to the file, like 'bind 10.0.0.4', 'include users.conf' or 'include defrag.conf'.
# Where others can reach the servers, these name files whose first line is a password:
#     REPLICA_PASSWORD_FILE       replicas sign in at a master with it, as the user `replica`
#     SENTINEL_PASSWORD_FILE      Sentinels sign in at servers with it, as the user `sentinel`
#     SENTINEL_ASK_PASSWORD_FILE  the other Sentinels need it to ask one, and so do you; it may do everything
#     SENTINEL_BRIDGE_PASSWORD_FILE   terminals ask with it, as the user `bridge`, where a master is and nothing else
#     SENTINEL_WATCHER_PASSWORD_FILE  mt5fleet asks with it, as the user `watcher`, how masters and Sentinels are
set -eu
cd "$(dirname "$0")"
name=$1 folder=$2
shift 2
own=$folder/redis.conf
lane=${name%-?}

lane_port() {
    case $1 in
    ris) echo 6390 ;;
    rts) echo 6391 ;;
    rtss) echo 6392 ;;
    esac
}

lines() {
    case $name in
    ris | rts | rtss)
        echo "include redis-$name.conf"
        echo "port $(lane_port "$name")"
        ;;
    ris-[ab] | rts-[ab] | rtss-[ab])
        echo "include redis-$lane.conf"
        echo "include replicated.conf"
        # Heartbeats need no second copy: the next one replaces them.
        if [ "$lane" != ris ]; then echo "include two-copies.conf"; fi
        if [ "$name" = "$lane-a" ]; then
            echo "port $(lane_port "$lane")"
        else
            echo "port $(($(lane_port "$lane") + 10))"
            echo "replicaof $lane-a $(lane_port "$lane")"
        fi
        ;;
    sentinel-[1-3])
        cat sentinel.conf
        echo "port $((26378 + ${name#sentinel-}))"
        ;;
    node-[1-6])
        echo "include redis-cluster.conf"
        echo "port $((6999 + ${name#node-}))"
        ;;
    *) echo "node.sh: no server is called $name" >&2 && exit 2 ;;
    esac
}

# A file's first line, as a configuration file spells it, after another text.
password() {
    printf '"%s%s"' "${2:-}" "$(head -n 1 "$1" | sed 's/[\\"]/\\&/g')"
}

# A user of a Sentinel, with this password and these commands only.
user() {
    if [ -n "$2" ]; then printf 'user %s on %s resetchannels -@all %s\n' "$1" "$(password "$2" '>')" "$3"; fi
}

secrets() {
    case $name in
    sentinel-*)
        if [ -n "${SENTINEL_PASSWORD_FILE:-}" ]; then
            for master in ris rts rtss; do
                echo "sentinel auth-user $master sentinel"
                printf 'sentinel auth-pass %s %s\n' $master "$(password "$SENTINEL_PASSWORD_FILE")"
            done
        fi
        if [ -n "${SENTINEL_ASK_PASSWORD_FILE:-}" ]; then
            printf 'requirepass %s\n' "$(password "$SENTINEL_ASK_PASSWORD_FILE")"
            printf 'sentinel sentinel-pass %s\n' "$(password "$SENTINEL_ASK_PASSWORD_FILE")"
        fi
        user bridge "${SENTINEL_BRIDGE_PASSWORD_FILE:-}" '+auth +sentinel|get-master-addr-by-name'
        user watcher "${SENTINEL_WATCHER_PASSWORD_FILE:-}" "+auth +hello +ping +info +sentinel|get-master-addr-by-name \
+sentinel|master +sentinel|masters +sentinel|replicas +sentinel|sentinels +sentinel|ckquorum"
        ;;
    *)
        if [ -n "${REPLICA_PASSWORD_FILE:-}" ]; then
            printf 'masterauth %s\n' "$(password "$REPLICA_PASSWORD_FILE")"
        fi
        ;;
    esac
}

# The LINEs for this server: one unit file gives the same to all on a machine, and a Sentinel has no users.
given() {
    for line; do
        case "$name $line" in
        sentinel-*" include users.conf") ;;
        *) printf '%s\n' "$line" ;;
        esac
    done
}

if [ ! -e "$own" ]; then
    umask 077
    mkdir -p "$folder"
    {
        lines
        given "$@"
        secrets
        echo "dir $folder"
    } >"$own.new"
    given "$@" >"$folder/lines"
    mv "$own.new" "$own"
elif [ -e "$folder/lines" ] && [ "$(given "$@")" != "$(cat "$folder/lines")" ]; then
    echo "node.sh: $own was made with other lines, see $folder/lines: change both by hand. A new file would not" \
        "know who is master now" >&2
    exit 2
fi

case $name in
sentinel-*) exec redis-server "$own" --sentinel ;;
*) exec redis-server "$own" ;;
esac
