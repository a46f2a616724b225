"""Workers of a consumer group: each signal until it is acknowledged, by whoever is alive."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest
import redis
from servers import until
from wire import Source

import mt5redis
from mt5redis import Fleet, Gap, GapError, aio


def give(server, count, name="1.Demo"):
    source = Source(server.client(), name)
    for _ in range(count):
        source.give()
    return source


def handled(worker, count):
    done = []
    while len(done) < count:
        task = worker.poll(10)
        assert task is not None, done
        with task as signal:
            done.append(signal.sequence)
    return done


def test_what_succeeds_is_acknowledged_and_noted(server, fleet):
    source = give(server, 20)
    worker = fleet.worker("book", "one")
    assert handled(worker, 20) == list(range(1, 21))
    assert worker.poll(0) is None
    client = server.client()
    assert client.xpending(source.key, "book")["pending"] == 0
    assert client.zscore("sa:{0}:1.Demo:book", f"{source.producer}-20") > 0 and client.pttl("sa:{0}:1.Demo:book") > 0
    give(server, 1, "2.Demo")
    assert until(lambda: worker.poll(0.5), "a new source's signal").signal.source == "2.Demo"


def test_what_fails_comes_again_and_is_a_dead_letter_at_last(server, fleet):
    source = give(server, 2)
    worker = fleet.worker("book", "one", attempts=2)
    seen = []
    while len(seen) < 3:
        task = worker.poll(10)
        seen.append((task.signal.sequence, task.deliveries))
        if task.signal.sequence == 1:
            with pytest.raises(ZeroDivisionError), task as signal:
                signal.sequence // 0
        else:
            with task:
                pass
    assert sorted(seen) == [(1, 1), (1, 2), (2, 1)]
    client = server.client()
    (letter,) = redis.Redis(port=server.port).xrange("sd:{0}")
    assert letter[1][b"x-error"] == b"ZeroDivisionError: integer division or modulo by zero"
    assert (letter[1][b"x-source"], letter[1][b"x-group"], letter[1][b"x-deliveries"]) == (b"1.Demo", b"book", b"2")
    assert client.xpending(source.key, "book")["pending"] == 0


def test_what_cannot_be_read_is_a_dead_letter_and_holds_up_nothing(server, fleet):
    server.client().xadd("ss:{0}:1.Demo", {"x": "y"})
    give(server, 1)
    assert handled(fleet.worker("book", "one"), 1) == [1]
    assert server.client().xlen("sd:{0}") == 1 and fleet.unreadable == 1


WORKER = """
import sys
from mt5redis import Fleet
for task in Fleet.from_url(sys.argv[1]).worker("book", sys.argv[2], take_over=1.0):
    print(task.signal.sequence, flush=True)
    sys.stdin.readline()
"""


def test_a_worker_that_dies_leaves_its_signals_to_the_next_of_its_name_and_to_others(server, fleet):
    give(server, 3)
    for consumer in ("one", "two"):
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, server.url, "one"], stdout=subprocess.PIPE, stdin=subprocess.PIPE, env=os.environ
        )
        process.stdout.readline()
        process.kill()
        process.communicate()
        worker = fleet.worker("book", consumer, take_over=1.0)
        tasks = []
        until(lambda: (task := worker.poll(0.2)) and tasks.append(task) or len(tasks) == 3, "what the dead one had")  # noqa: B023
        assert sorted(task.signal.sequence for task in tasks) == [1, 2, 3]
        assert all(task.deliveries > 1 for task in tasks)
    with tasks[0]:
        pass


def test_a_group_that_is_lost_goes_on_behind_what_was_acknowledged(server, fleet):
    source = give(server, 4)
    worker = fleet.worker("book", "one")
    assert handled(worker, 2) == [1, 2]
    server.client().xgroup_destroy(source.key, "book")
    source.give()
    assert sorted(handled(worker, 3)) == [3, 4, 5]
    assert worker.poll(0) is None
    server.client().xgroup_destroy(source.key, "book")
    source.give()
    assert handled(fleet.worker("book", "another"), 1) == [6]


def test_a_new_group_may_begin_with_what_comes(server, fleet):
    source = give(server, 3)
    worker = fleet.worker("late", "one", start="new")
    assert worker.poll(0) is None
    source.give()
    assert handled(worker, 1) == [4]
    for arguments in [
        {"group": "a b"},
        {"group": "a", "consumer": "x" * 65},
        {"group": "a", "attempts": 0},
        {"group": "a", "start": "x"},
    ]:
        with pytest.raises(mt5redis.ConfigurationError):
            fleet.worker(**arguments)


def items(worker, count, timeout=10):
    """What the worker hands out, acknowledged: numbers of signals, and gaps."""
    got = []
    while len(got) < count:
        item = worker.poll(timeout)
        assert item is not None, got
        got.append(item)
        if not isinstance(item, Gap):
            with item as signal:
                got[-1] = signal.sequence
    return got


def test_a_gap_is_raised_or_an_item_and_the_work_goes_on(server, fleet):
    source = give(server, 1)
    raising, yielding = fleet.worker("book", "one"), fleet.worker("other", "one", gaps="yield")
    assert (handled(raising, 1), items(yielding, 1)) == ([1], [1])
    source.give(lost=True)
    source.give(lost=True)
    source.give()
    with pytest.raises(GapError, match="records after number 1 up to 3") as error:
        raising.poll(10)
    assert error.value.gap == Gap(source.key, "1.Demo", source.producer, 1, 3)
    assert handled(raising, 1) == [4]
    assert items(yielding, 2) == [error.value.gap, 4]
    source.give()
    assert handled(raising, 1) == items(yielding, 1) == [5]
    with pytest.raises(mt5redis.ConfigurationError, match="pass 'raise' or 'yield'"):
        fleet.worker("book", gaps="ignore")


def test_what_was_trimmed_before_the_group_read_it_is_a_gap_and_what_it_acknowledged_is_none(server, fleet):
    client, source = server.client(), give(server, 3)
    client.xtrim(source.key, maxlen=1, approximate=False)
    assert handled(fleet.worker("book", "one"), 1) == [3]  # a new group begins with what is there
    ids = [source.give() for _ in range(4)]
    client.xtrim(source.key, minid=ids[2], approximate=False)
    assert items(fleet.worker("book", "two", gaps="yield"), 3) == [Gap(source.key, "1.Demo", source.producer, 0, 5), 6, 7]
    client.xtrim(source.key, maxlen=0, approximate=False)
    source.give()
    assert handled(fleet.worker("book", "three"), 1) == [8]


def test_a_gap_that_a_dead_worker_did_not_tell_is_told_by_the_next(server, fleet):
    source = give(server, 1)
    source.give(lost=True)
    source.give()
    dead = fleet.worker("book", "one", gaps="yield")
    assert dead.poll(10).signal.sequence == 1  # it was given the gap, too
    gap = Gap(source.key, "1.Demo", source.producer, 1, 2)
    assert items(fleet.worker("book", "one", gaps="yield"), 3) == [1, gap, 3]


def test_signals_deleted_before_they_were_acknowledged_are_a_gap(server, fleet):
    client = server.client()
    for name, consumer in [("1.Demo", "one"), ("2.Demo", "two")]:  # the next of its name, and one that takes over
        source = give(server, 3, name)
        assert fleet.worker("book", "one", sources=[name]).poll(10) is not None
        client.xtrim(source.key, maxlen=0, approximate=False)
        worker = fleet.worker("book", consumer, sources=[name], gaps="yield", take_over=1.0)
        gap = until(lambda: worker.poll(0.2), "the gap")  # noqa: B023
        assert gap == Gap(source.key, name, "", 0, 0, deleted=3) and worker.poll(0) is None
        assert client.xpending(source.key, "book")["pending"] == 0
    source = give(server, 1, "3.Demo")
    worker = fleet.worker("book", "one", sources=["3.Demo"], gaps="yield")
    with pytest.raises(KeyError), worker.poll(10) as signal:
        client.xdel(source.key, signal.id)
        raise KeyError
    assert str(worker.poll(10)) == "ss:{0}:3.Demo: 1 signals were deleted before a worker acknowledged them"


def test_a_worker_that_waits_too_long_takes_nothing_from_the_one_that_took_over(server, fleet):
    give(server, 2)
    slow, quick = fleet.worker("book", "slow", take_over=2.5), fleet.worker("book", "quick", take_over=1.0)
    with slow.poll(10) as signal:
        assert signal.sequence == 1
        task = until(lambda: (one := quick.poll(0.2)) and one.signal.sequence == 2 and one, "what the slow one was given")
        with task:
            assert slow.poll(0) is None


def test_what_was_acknowledged_does_not_come_again_when_a_server_forgot_it(server, fleet):
    source, worker = give(server, 2), fleet.worker("book", "one")
    assert handled(worker, 2) == [1, 2]
    server.client().delete("sa:{0}:1.Demo:book")
    source.give(q=2, pq=1)  # as the library sends it again
    source.last = 2
    source.give()
    assert handled(worker, 1) == [3] and worker.poll(0) is None


def test_asyncio_workers_share_the_signals(server):
    give(server, 40)

    async def work():
        async with aio.Fleet.from_url(server.url) as fleet:

            async def one(name):
                got, worker = [], fleet.worker("book", name)
                while (task := await worker.poll(0.2)) is not None:
                    async with task as signal:
                        got.append(signal.sequence)
                return got

            return await asyncio.gather(one("a"), one("b"))

    got = asyncio.run(work())
    assert sorted(sum(got, [])) == list(range(1, 41))
    with Fleet.from_url(server.url) as fleet:
        assert fleet.worker("book", "c").poll(0) is None
