"""Prints signals, one a line, each once it was acted on: reader.py redis://127.0.0.1:6392 5 ends after five.

A reader of a consumer group of its own with redis-py and msgpack (pip install redis msgpack).
"""

import sys

import msgpack
import redis

NAMES = "v p q t o i a sy vo pr sl tp mg po ex co".split()
STREAM, GROUP, ME = "ss:{0}", "example-python", "reader"


def decode(entry):
    """Both encodings: one field d, or a field a value."""
    if b"d" in entry:
        return dict(zip(NAMES, msgpack.unpackb(entry[b"d"])))
    return {name.decode(): value.decode() for name, value in entry.items()}


def main():
    server = redis.Redis.from_url(sys.argv[1] if len(sys.argv) > 1 else "redis://127.0.0.1:6392")
    left = int(sys.argv[2]) if len(sys.argv) > 2 else None
    try:
        server.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise
    after = "0"  # first what an earlier life was given and never acknowledged, then what is new
    while left is None or left > 0:
        streams = server.xreadgroup(GROUP, ME, {STREAM: after}, count=min(left or 64, 64), block=1000)
        entries = streams[0][1] if streams else []
        if not entries:
            after = ">"
        for id, entry in entries:
            signal = decode(entry)
            print(signal["i"], signal["a"], signal["sy"], signal["vo"], f"({signal['p']}-{signal['q']})", flush=True)
            server.xack(STREAM, GROUP, id)
            after = id if after != ">" else after
            left = None if left is None else left - 1


main()
