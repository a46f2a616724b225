#!/bin/sh
# Starts one Redis server, or one Sentinel, with a configuration file of its own in its data folder, made at
# the first start from the lines given. Sentinel and failovers write into that file, so it is never made anew.
#
#     sh node.sh server   /var/lib/mt5-redis/rts-b 'include redis-rts.conf' 'replicaof rts-a 6391'
#     sh node.sh sentinel /var/lib/mt5-redis/s1    'bind 10.0.0.4'
#
# REPLICA_PASSWORD_FILE, if set: a file with the password by which replicas and Sentinels sign in.
set -eu
cd "$(dirname "$0")"
kind=$1 folder=$2
shift 2
own=$folder/redis.conf
mkdir -p "$folder"

if [ ! -e "$own" ]; then
    umask 077
    {
        if [ "$kind" = sentinel ]; then cat sentinel.conf; fi
        printf '%s\n' "$@"
        if [ -n "${REPLICA_PASSWORD_FILE:-}" ]; then
            password=$(cat "$REPLICA_PASSWORD_FILE")
            if [ "$kind" = sentinel ]; then
                for master in ris rts rtss; do
                    echo "sentinel auth-user $master sentinel"
                    echo "sentinel auth-pass $master $password"
                done
            else
                echo "masterauth $password"
            fi
        fi
        echo "dir $folder"
    } >"$own.new"
    mv "$own.new" "$own"
fi

case $kind in
server) exec redis-server "$own" ;;
sentinel) exec redis-server "$own" --sentinel ;;
*) echo "node.sh: server or sentinel, not $kind" >&2 && exit 2 ;;
esac
