"""Prints signals, one on each line, and acknowledges each after printing it: reader.py redis://127.0.0.1:6392 5 ends
after five.

It reads the streams of all sources in the list sl:{0} as a consumer group of its own, with redis-py and msgpack
(pip install redis msgpack). That fits a single server or Sentinel; a Cluster has sl:{0} to sl:{15}.
"""

import sys
import time

import msgpack
import redis

NAMES = "v p q t o i a sy vo pr sl tp mg po ex co pq ev vb va pe sd ot fd".split()
SOURCES, STREAM, GROUP, ME = "sl:{0}", "ss:{0}:", "example-python", "reader"


def decode(entry):
    """Both encodings: one field d, or one field for each value."""
    if b"d" in entry:
        return dict(zip(NAMES, msgpack.unpackb(entry[b"d"])))
    return {name.decode(): value.decode() for name, value in entry.items()}


def join(server, known):
    """Creates the group on the streams of all sources. A name counts only if its stream exists."""
    for name, _ in server.zscan_iter(SOURCES):
        stream = STREAM.encode() + name
        if stream in known or server.type(stream) != b"stream":
            continue
        try:
            server.xgroup_create(stream, GROUP, id="0")
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        known[stream] = "0"  # first what an earlier life was given and never acknowledged, then what is new


def main():
    server = redis.Redis.from_url(sys.argv[1] if len(sys.argv) > 1 else "redis://127.0.0.1:6392")
    left = int(sys.argv[2]) if len(sys.argv) > 2 else None
    streams, looked = {}, 0
    while left is None or left > 0:
        if time.monotonic() - looked > 1:
            join(server, streams)
            looked = time.monotonic()
        if not streams:
            time.sleep(0.1)
            continue
        try:
            found = server.xreadgroup(GROUP, ME, streams, count=min(left or 64, 64), block=1000)
        except redis.ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            streams, looked = {}, 0  # a source fell silent and its stream is gone
            continue
        for stream, entries in found:
            if not entries:
                streams[stream] = ">"
            for id, entry in entries:
                if left == 0:
                    return
                signal = decode(entry)
                # The key says who gave it; an entry that says something else is not to be believed.
                if signal["i"] == stream.decode().removeprefix(STREAM):
                    print(signal["i"], signal["a"], signal["sy"], signal["vo"], f"({signal['p']}-{signal['q']})", flush=True)
                    left = None if left is None else left - 1
                server.xack(stream, GROUP, id)
                streams[stream] = id if streams[stream] != ">" else ">"


main()
