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
# REPLICA_PASSWORD_FILE, if set, has the password by which replicas and Sentinels sign in at a master.
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

secrets() {
    password=\"$(head -n 1 "$REPLICA_PASSWORD_FILE" | sed 's/[\\"]/\\&/g')\"
    case $name in
    sentinel-*)
        for master in ris rts rtss; do
            echo "sentinel auth-user $master sentinel"
            echo "sentinel auth-pass $master $password"
        done
        ;;
    *) echo "masterauth $password" ;;
    esac
}

if [ ! -e "$own" ]; then
    umask 077
    mkdir -p "$folder"
    {
        lines
        for line; do echo "$line"; done
        if [ -n "${REPLICA_PASSWORD_FILE:-}" ]; then secrets; fi
        echo "dir $folder"
    } >"$own.new"
    mv "$own.new" "$own"
fi

case $name in
sentinel-*) exec redis-server "$own" --sentinel ;;
*) exec redis-server "$own" ;;
esac
