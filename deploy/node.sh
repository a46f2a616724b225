#!/bin/sh
# Starts one server of a topology by its name, with its own configuration file in a data folder. The file is written
# only at the first start, because Sentinel and failovers change it.
#
#     sh node.sh NAME FOLDER [LINE...]
#
#     ris rts rtss              one server for each lane
#     ris-a ris-b ... rtss-b    for each lane the initial master (a) and its replica (b)
#     sentinel-1 -2 -3          the Sentinels that watch them
#     node-1 ... node-6         the nodes of a Cluster
#
# LINE is added to the file, like 'bind 10.0.0.4', 'include users.conf' or 'include defrag.conf'.
# If other machines can reach the servers, set these variables to files whose first line is a password:
#     REPLICA_PASSWORD_FILE           with which replicas log in to a master, as the user `replica`
#     SENTINEL_PASSWORD_FILE          with which Sentinels log in to servers, as the user `sentinel`
#     SENTINEL_ASK_PASSWORD_FILE      with which you and the other Sentinels log in to a Sentinel, with all permissions
#     SENTINEL_BRIDGE_PASSWORD_FILE   with which terminals ask a Sentinel where a master is, as the user `bridge`
#     SENTINEL_WATCHER_PASSWORD_FILE  with which mt5fleet asks a Sentinel for its state, as the user `watcher`
#
# A control character in FOLDER or LINE is refused, because it could add a line to the configuration.
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

is_one_line "$name" || refuse "the server's name has a control character"
case $name in
ris | rts | rtss | ris-[ab] | rts-[ab] | rtss-[ab] | sentinel-[1-3] | node-[1-6]) ;;
*) refuse "no server is called $name" ;;
esac
is_one_line "$folder" || refuse "the folder's name has a control character"
for line; do
    is_one_line "$line" || refuse "a LINE has a control character: pass each line as its own argument"
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

# A word quoted for a configuration file.
quoted() {
    printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"
}

# The first line of the file that a variable names, with or without a carriage return.
password() {
    eval "file=\$$1"
    [ -f "$file" ] || refuse "$1 names no file"
    # A shell variable cannot hold the zero bytes of a UTF-16 file, so look for them here.
    [ "$(head -n 1 "$file" | tr -d '\000' | wc -c)" = "$(head -n 1 "$file" | wc -c)" ] ||
        refuse "the file of $1 is UTF-16: save it as UTF-8"
    word=$(head -n 1 "$file" | sed "1s/^$(printf '\357\273\277')//; s/$(printf '\r')\$//")
    [ -n "$word" ] || refuse "the first line of the file of $1 is empty: write the password there"
    is_one_line "$word" || refuse "the password in the file of $1 has a control character"
    quoted "$word"
}

# A user of a Sentinel with this password, already quoted, and only these commands.
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

# The LINEs for this server. A unit file passes the same ones to all servers of a machine, but a Sentinel has no users.
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
    # Before anything is written, so that an unreadable file leaves nothing half done.
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
