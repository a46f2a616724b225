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
#
# A folder or a LINE with a control character is refused: it would be another line of the configuration.
set -eu
cd "$(dirname "$0")"
name=$1 folder=$2
shift 2

refuse() {
    echo "node.sh: $*" >&2
    exit 2
}

is_one_line() {
    case $1 in
    *[[:cntrl:]]*) return 1 ;;
    esac
}

is_one_line "$name" || refuse "no server is called so: its name has a control character"
case $name in
ris | rts | rtss | ris-[ab] | rts-[ab] | rtss-[ab] | sentinel-[1-3] | node-[1-6]) ;;
*) refuse "no server is called $name" ;;
esac
is_one_line "$folder" || refuse "the folder's name has a control character"
for line; do
    is_one_line "$line" || refuse "a LINE has a control character: pass one line each"
done
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
    esac
}

# A word as a configuration file spells it.
quoted() {
    printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"
}

# The first line of the file that a variable names, which Windows may have written.
password() {
    eval "file=\$$1"
    [ -f "$file" ] || refuse "$1 names no file"
    # A file of UTF-16 has zeros; what a variable cannot hold is seen here.
    [ "$(head -n 1 "$file" | tr -d '\000' | wc -c)" = "$(head -n 1 "$file" | wc -c)" ] ||
        refuse "the file of $1 is UTF-16: save it as UTF-8"
    word=$(head -n 1 "$file" | sed "1s/^$(printf '\357\273\277')//; s/$(printf '\r')\$//")
    [ -n "$word" ] || refuse "the first line of the file of $1 is empty: write the password there"
    is_one_line "$word" || refuse "the password in the file of $1 has a control character"
    quoted "$word"
}

# A user of a Sentinel, with this password, spelt already, and these commands only.
user() {
    if [ -n "$2" ]; then printf 'user %s on ">%s resetchannels -@all %s\n' "$1" "${2#?}" "$3"; fi
}

secrets() {
    case $name in
    sentinel-*)
        if [ -n "${SENTINEL_PASSWORD_FILE:-}" ]; then
            for master in ris rts rtss; do
                echo "sentinel auth-user $master sentinel"
                printf 'sentinel auth-pass %s %s\n' "$master" "$sentinel_password"
            done
        fi
        if [ -n "${SENTINEL_ASK_PASSWORD_FILE:-}" ]; then
            printf 'requirepass %s\n' "$ask_password"
            printf 'sentinel sentinel-pass %s\n' "$ask_password"
        fi
        user bridge "$bridge_password" '+auth +sentinel|get-master-addr-by-name'
        user watcher "$watcher_password" "+auth +hello +ping +info +sentinel|get-master-addr-by-name \
+sentinel|master +sentinel|masters +sentinel|replicas +sentinel|sentinels +sentinel|ckquorum"
        ;;
    *)
        if [ -n "${REPLICA_PASSWORD_FILE:-}" ]; then
            printf 'masterauth %s\n' "$replica_password"
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
    # Before anything is written, so that a file which cannot be read leaves nothing half done.
    replica_password= sentinel_password= ask_password= bridge_password= watcher_password=
    case $name in
    sentinel-*)
        if [ -n "${SENTINEL_PASSWORD_FILE:-}" ]; then sentinel_password=$(password SENTINEL_PASSWORD_FILE); fi
        if [ -n "${SENTINEL_ASK_PASSWORD_FILE:-}" ]; then ask_password=$(password SENTINEL_ASK_PASSWORD_FILE); fi
        if [ -n "${SENTINEL_BRIDGE_PASSWORD_FILE:-}" ]; then bridge_password=$(password SENTINEL_BRIDGE_PASSWORD_FILE); fi
        if [ -n "${SENTINEL_WATCHER_PASSWORD_FILE:-}" ]; then watcher_password=$(password SENTINEL_WATCHER_PASSWORD_FILE); fi
        ;;
    *)
        if [ -n "${REPLICA_PASSWORD_FILE:-}" ]; then replica_password=$(password REPLICA_PASSWORD_FILE); fi
        ;;
    esac
    mkdir -p "$folder"
    {
        lines
        given "$@"
        secrets
        printf 'dir %s\n' "$(quoted "$folder")"
    } >"$own.new"
    given "$@" >"$folder/lines"
    mv "$own.new" "$own"
elif [ -e "$folder/lines" ] && [ "$(given "$@")" != "$(cat "$folder/lines")" ]; then
    refuse "$own was made with other lines, see $folder/lines: change both by hand. A new file would not know who" \
        "is master now"
fi

case $name in
sentinel-*) exec redis-server "$own" --sentinel ;;
*) exec redis-server "$own" ;;
esac
