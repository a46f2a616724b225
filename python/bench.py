"""Measures reading: bench.py, or make bench-python. It starts its own Redis.

States: all instances and open positions of a fleet, 100 × 50, decoded. Events: from before an XADD until the entry is there, by
the asyncio reader and by a bare redis-py XREAD, in turn.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent / "src"), str(Path(__file__).parent / "tests")]

import redis.asyncio
from servers import Server
from wire import fields, packed

from mt5redis import Fleet, aio, schema

INSTANCES, POSITIONS, EVENTS, ROUNDS = 100, 50, 300, 5
INSTANCE = {"sv": "Demo-Server", "co": "Example Broker Ltd.", "cu": "EUR", "ba": 10016.68, "eq": 10020.5, "ag": "FleetAgent 1.0"}


def fill(server, encode):
    client = redis.Redis(port=server.port)
    client.flushall()
    pipeline = client.pipeline(transaction=False)
    for number in range(INSTANCES):
        name = f"{number}.Demo"
        pipeline.zadd("il", {name: 1})
        pipeline.hset(f"is:{{{name}}}", mapping=encode(schema.INSTANCE, **INSTANCE))
        for position in range(POSITIONS):
            pipeline.sadd(f"to:{{{name}}}", position)
            state = encode(schema.POSITION, vo=0.3, po=1.10345, pc=1.10401, sl=1.1, pr=16.8, to=1763799000000, co="grid 3")
            pipeline.hset(f"ts:{{{name}}}:{position}", mapping=state)
    pipeline.execute()


def states(server, encode):
    """The fastest of some rounds, seconds."""
    fill(server, encode)
    times = []
    for _ in range(ROUNDS):
        with Fleet.from_url(server.url) as fleet:
            before = time.perf_counter()
            assert (len(fleet.instances()), len(fleet.positions())) == (INSTANCES, INSTANCES * POSITIONS)
            times.append(time.perf_counter() - before)
    return min(times)


async def events(server, ours):
    """The median delay, seconds."""
    redis.Redis(port=server.port).flushall()
    ready, delays = threading.Event(), []

    def write():
        client = redis.Redis(port=server.port)
        ready.wait()
        for number in range(1, EVENTS + 1):
            time.sleep(0.002)
            entry = fields(schema.POSITION_EVENT, q=number, pq=number - 1, id=time.perf_counter_ns())
            client.xadd("te:{1.Demo}", entry)

    thread = threading.Thread(target=write)
    thread.start()
    if ours:
        async with aio.Fleet.from_url(server.url) as fleet:
            reader = fleet.events(["1.Demo"])
            await reader.poll()
            ready.set()
            while len(delays) < EVENTS:
                event = await anext(reader)
                delays.append(time.perf_counter_ns() - event.position.position)
    else:
        client, last = redis.asyncio.Redis(port=server.port), "0"
        await client.ping()
        ready.set()
        while len(delays) < EVENTS:
            for _, entries in dict(await client.xread({"te:{1.Demo}": last}, count=256, block=500) or []).items():
                for last, entry in entries[0] if entries and isinstance(entries[0], list) else entries:  # noqa: B007
                    delays.append(time.perf_counter_ns() - int(entry[b"id"]))
        await client.aclose()
    thread.join()
    return statistics.median(delays) / 1e9


def main():
    try:
        import hiredis

        print(f"redis-py {redis.__version__} with hiredis {hiredis.__version__}")
    except ImportError:
        print(f"redis-py {redis.__version__} without hiredis")
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        try:
            for encode in (fields, packed):
                seconds = states(server, encode)
                print(f"states {encode.__name__}: {INSTANCES} instances x {POSITIONS} positions in {seconds:.3f} s")
            pairs = [(asyncio.run(events(server, True)), asyncio.run(events(server, False))) for _ in range(ROUNDS)]
            ours, bare = (statistics.median(side) for side in zip(*pairs, strict=True))
            print(f"events: aio reader {ours * 1e6:.0f} us, bare XREAD {bare * 1e6:.0f} us, ratio {ours / bare:.2f}")
        finally:
            server.kill()


main()
