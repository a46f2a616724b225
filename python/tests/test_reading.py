"""Readers of streams: from where they stopped, without second copies, and with every gap told."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import signal as signals
import subprocess
import sys
import threading
from datetime import datetime, timedelta, timezone

import pytest
import redis
from servers import until
from wire import SIGNAL, Source, fields, packed

import mt5redis
from mt5redis import Action, Fleet, Gap, GapError, SignalEvent, aio


def some(reader, count):
    return list(itertools.islice(reader, count))


def test_signals_of_the_library_come_in_order(server, terminals, fleet):
    terminal = terminals()
    reader = fleet.signals(["1.Demo"])
    assert reader.poll() is None
    terminal.signal("BUY", volume=0.1, price=1.1, stop_loss=1.05, magic=-3, expiry_ms=1_900_000_000_000)
    terminal.signal("CLOSE", volume=0, position=7, volume_before=0.5, entry_price=1.1, event=5, side=2, found=1, comment="買い")
    first, last = some(reader, 2)
    assert (first.action, first.volume, first.price, first.stop_loss, first.take_profit, first.magic) == (
        Action.BUY,
        0.1,
        1.1,
        1.05,
        None,
        -3,
    )
    assert (first.event, first.side, first.found, first.expires.year) == (None, None, None, 2030)
    assert (last.action, last.event, last.volume_before, last.volume_after, last.found) == (
        Action.CLOSE,
        SignalEvent.CLOSE,
        0.5,
        0.0,
        True,
    )
    assert (last.comment, last.previous, last.key) == ("買い", first.sequence, f"1.Demo+{first.producer}-{last.sequence}")
    terminal.signal("SELL")
    assert reader.poll(10).action == "sell"


def test_all_sources_are_found_also_later_and_among_invented_names(server, fleet):
    client = server.client()
    for at in range(0, 100_000, 10_000):
        client.zadd("sl:{0}", {f"invented-{at + n}": 1 for n in range(10_000)})
    Source(client, "1.Demo").give()
    reader = fleet.signals(start="beginning")
    assert reader.poll(20).source == "1.Demo"
    later = Source(client, "2.Demo")
    later.give()
    found = until(lambda: reader.poll(1), "the new source")
    assert found.source == "2.Demo"


def test_a_reader_goes_on_where_it_stopped(server, fleet, tmp_path):
    source, cursor = Source(server.client()), tmp_path / "cursor"
    reader = fleet.signals(["1.Demo"], cursor=cursor)
    assert reader.poll() is None
    for _ in range(5):
        source.give()
    with fleet.signals(["1.Demo"], cursor=cursor) as reader:  # "new" was when the first one began
        assert [s.sequence for s in some(reader, 2)] == [1, 2]
    reader = fleet.signals(["1.Demo"], cursor=cursor)
    assert next(reader).sequence == 3
    assert next(reader).sequence == 4  # so 3 is finished, and 4 is not
    del reader
    assert [s.sequence for s in fleet.signals(["1.Demo"], cursor=cursor, follow=False)] == [4, 5]


READER = """
import sys
from mt5redis import Fleet
for signal in Fleet.from_url(sys.argv[1]).signals(["1.Demo"], start="beginning", cursor=sys.argv[2]):
    print(signal.sequence, flush=True)
"""


def test_a_reader_that_is_killed_misses_nothing_and_repeats_one_at_most(server, tmp_path):
    source, cursor, seen = Source(server.client()), tmp_path / "cursor", []
    for _ in range(60):
        source.give()
    while not seen or seen[-1] < 60:
        command = [sys.executable, "-c", READER, server.url, str(cursor)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)
        lines = [int(process.stdout.readline())]
        lines += [int(process.stdout.readline()) for _ in range(min(20, 60 - lines[0]))]
        process.send_signal(signals.SIGKILL)
        lines += [int(line) for line in process.communicate()[0].split()]
        assert lines[0] in (1, (seen or [0])[-1], (seen or [0])[-1] + 1)
        assert lines == list(range(lines[0], lines[0] + len(lines)))
        seen += lines
    assert sorted(set(seen)) == list(range(1, 61))
    assert len(seen) - 60 <= 4


def test_a_gap_raises_and_the_iteration_goes_on(server, fleet, tmp_path):
    source, cursor = Source(server.client()), tmp_path / "cursor"
    source.give()
    reader = fleet.signals(["1.Demo"], start="beginning", cursor=cursor)
    assert next(reader).sequence == 1
    source.give(lost=True)
    source.give(lost=True)
    source.give()
    with pytest.raises(GapError, match="records after number 1 up to 3 of producer 00000000000000aa are missing") as error:
        next(reader)
    assert error.value.gap == Gap("ss:{0}:1.Demo", "1.Demo", source.producer, 1, 3)
    assert next(reader).sequence == 4
    source.give()
    assert next(reader).sequence == 5


def test_a_gap_is_an_item_if_asked_for_and_while_nobody_read(server, fleet, tmp_path):
    client, cursor = server.client(), tmp_path / "cursor"
    source = Source(client)
    ids = [source.give() for _ in range(6)]
    with fleet.signals(["1.Demo"], start="beginning", cursor=cursor, gaps="yield") as reader:
        assert next(reader).sequence == 1
    client.xtrim(source.key, minid=ids[4], approximate=False)
    other = Source(client, producer="00000000000000bb")  # a new journal, whose first signals are gone too
    other.last = 8
    other.give()
    got = list(fleet.signals(["1.Demo"], cursor=cursor, gaps="yield", follow=False))
    assert [(type(item), getattr(item, "sequence", None) or (item.after, item.until)) for item in got] == [
        (Gap, (1, 4)), (mt5redis.Signal, 5), (mt5redis.Signal, 6), (Gap, (0, 8)), (mt5redis.Signal, 9)]  # fmt: skip


def test_what_was_before_the_start_is_no_gap(server, fleet):
    source = Source(server.client())
    for _ in range(3):
        source.give()
    reader = fleet.signals(["1.Demo"])
    assert reader.poll() is None
    source.give()
    assert next(reader).sequence == 4
    soon = datetime.now(timezone.utc) + timedelta(hours=1)
    assert list(fleet.signals(["1.Demo"], start=soon, follow=False)) == []
    early = datetime.now(timezone.utc) - timedelta(hours=1)
    assert len(list(fleet.signals(["1.Demo"], start=early, follow=False))) == 4


def test_a_reader_of_what_is_new_is_told_what_is_lost_before_the_first(server, fleet):
    source = Source(server.client())
    source.give()
    reader = fleet.signals(["1.Demo"], gaps="yield")
    assert reader.poll() is None
    source.give(lost=True)
    source.give()
    assert (reader.poll(10), reader.poll(10).sequence) == (Gap(source.key, "1.Demo", source.producer, 1, 2), 3)


def test_a_stream_that_a_slow_clock_made_again_is_read_again(own_server, tmp_path):
    """So it is after a failover to a server whose clock is behind: the new ids are lower than those that were read."""
    client, cursor = redis.Redis(port=own_server.port), tmp_path / "cursor"
    source = Source(client)
    for _ in range(2):
        source.give()
    with Fleet.from_url(own_server.url) as fleet:
        late, early = fleet.signals(["1.Demo"], cursor=cursor), fleet.signals(["1.Demo"], start="beginning")
        assert (late.poll(), early.poll().sequence, early.poll().sequence) == (None, 1, 2)
        source.give()
        assert (late.poll(10).sequence, early.poll(10).sequence) == (3, 3)
        late.finish()
        own_server.kill()
        assert late.poll(0.1) is None and early.poll(0.1) is None
        assert own_server.start()
        entries, at = client.xrange(source.key), 0
        client.delete(source.key)
        for at, (_, entry) in enumerate(entries, 1):  # what the new server had, and the library sent again
            client.xadd(source.key, entry, id=f"1000-{at}")
        client.xadd(source.key, packed(SIGNAL, q=4, pq=3), id=f"1000-{at + 1}")
        assert (late.poll(10).sequence, early.poll(10).sequence) == (4, 4)
        client.xadd(source.key, packed(SIGNAL, q=5, pq=4), id=f"1000-{at + 2}")
        resumed = fleet.signals(["1.Demo"], cursor=cursor)
        assert (resumed.poll(10).sequence, late.poll(10).sequence, early.poll(10).sequence) == (4, 5, 5)


def test_a_user_who_may_only_read_forward_reads(server, fleet):
    source, client = Source(server.client()), server.client()
    client.execute_command("ACL", "SETUSER", "reader", "on", "nopass", "~*", "+xread", "+client")
    source.give()
    with Fleet.from_url(server.url.replace("//", "//reader:x@")) as other:
        assert other.signals(["1.Demo"], start="beginning").poll(10).sequence == 1
    client.execute_command("ACL", "DELUSER", "reader")


def test_second_copies_are_dropped_and_only_the_very_same_close(server, fleet):
    source = Source(server.client())
    for _ in range(3):
        source.give()
    source.give(q=2, pq=1)  # after a failover
    source.give(q=3, pq=2)
    source.last = 3
    source.give(a="c", vo=0)
    source.give(q=10**15, pq=4)  # no journal skips so many
    source.last = 4
    source.give(a="c", vo=0)
    reader = fleet.signals(["1.Demo"], start="beginning", follow=False)
    assert [signal.sequence for signal in reader] == [1, 2, 3, 4, 5]
    assert fleet.unreadable == 1


def test_hostile_entries_are_left_out_and_counted(server, fleet, caplog):
    client, source = server.client(), Source(server.client())
    source.give(i="2.Demo")
    source.give(vo=float("nan"))
    source.give(a="x")
    source.give(sy="")
    source.give(p="../../etc")
    source.give(q=-1)
    client.xadd(source.key, {"x": "y"})
    client.xadd(source.key, {"d": b"\xc1"})
    client.xadd(source.key, {"d": b"\x91" * 60_000})
    client.xadd(source.key, {"d": b"\x00" * 70_000})
    source.last = 0
    source.give(fields, co="a\x1b[2J\u202eb")
    with caplog.at_level(logging.WARNING, "mt5redis"):
        (signal,) = fleet.signals(["1.Demo"], start="beginning", follow=False)
    assert (signal.sequence, signal.comment) == (1, "a [2J b")
    assert fleet.unreadable == 10
    assert "it says that its source is 2.Demo, and its key says 1.Demo" in caplog.text


def test_a_reader_waits_for_a_server_that_comes_back(own_server, tmp_path, caplog):
    source = Source(own_server.client())
    source.give()
    with Fleet.from_url(own_server.url) as fleet, caplog.at_level(logging.WARNING, "mt5redis"):
        reader = fleet.signals(["1.Demo"], start="beginning")
        assert next(reader).sequence == 1
        own_server.kill()
        assert reader.poll(0.3) is None
        assert "cannot be reached" in caplog.text and "trying again" in caplog.text
        with pytest.raises(mt5redis.Unreachable, match="Check that it runs"):
            fleet.positions()
        assert own_server.start()
        source.client = own_server.client()
        source.give()
        assert reader.poll(10).sequence == 2
        assert "answers again" in caplog.text


def test_reports_are_of_all_followers_or_of_some(server, terminals, fleet):
    one, two = terminals("2.Demo"), terminals("3.Demo")
    one.report("1.Demo", "00000000000000aa", 5, reason="größer")
    two.report("1.Demo", "00000000000000aa", 5, "SKIPPED", symbol="", price_filled=0, latency_ms=0, slippage=0)
    one.flush()
    two.flush()
    reports = {report.follower: report for report in fleet.reports(start="beginning", follow=False)}
    done, skipped = reports["2.Demo"], reports["3.Demo"]
    assert (done.outcome, done.slippage, done.latency, done.retcode, done.reason) == (
        "done",
        2.0,
        timedelta(milliseconds=83),
        10009,
        "größer",
    )
    assert (skipped.outcome, skipped.price_filled, skipped.latency, skipped.symbol) == ("skipped", None, None, "")
    assert done.signal_key == skipped.signal_key == "1.Demo+00000000000000aa-5"
    assert [report.follower for report in fleet.reports(["3.Demo"], start="beginning", follow=False)] == ["3.Demo"]


def test_asyncio_follows_and_can_be_cancelled(server):
    source = Source(server.client())

    async def follow():
        async with aio.Fleet.from_url(server.url) as fleet:
            reader = fleet.signals(["1.Demo"])
            assert await reader.poll() is None
            waiting = asyncio.ensure_future(anext(reader))
            await asyncio.sleep(0.01)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            source.give()
            source.give()
            got = [(await anext(reader)).sequence for _ in range(2)]
            others = [signal.sequence async for signal in fleet.signals(start="beginning", follow=False)]
            return got, others

    assert asyncio.run(follow()) == ([1, 2], [1, 2])


def test_a_fleet_serves_several_threads(server, fleet):
    source = Source(server.client())
    got = []
    threads = [
        threading.Thread(target=lambda: got.extend(some(fleet.signals(["1.Demo"], start="beginning"), 50))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for _ in range(50):
        source.give()
    for thread in threads:
        thread.join(20)
    assert sorted(signal.sequence for signal in got) == sorted([*range(1, 51)] * 4)


def test_a_damaged_cursor_and_wrong_arguments_are_refused(fleet, tmp_path):
    (tmp_path / "cursor").write_text(json.dumps({"version": 9, "streams": {}}))
    for call, text in [
        (lambda: fleet.signals(cursor=tmp_path / "cursor"), "Delete it to start anew"),
        (lambda: fleet.signals("1.Demo"), "is one text: pass a list"),
        (lambda: fleet.signals([]), "nothing would ever come"),
        (lambda: fleet.signals(start="old"), "pass 'new', 'beginning' or a datetime"),
        (lambda: fleet.signals(gaps="ignore"), "pass 'raise' or 'yield'"),
    ]:
        with pytest.raises(mt5redis.ConfigurationError, match=text):
            call()
    client = redis.Redis(port=fleet.configuration.rtss.addresses[0].port)
    client.set("ss:{0}:1.Demo", "x")
    with pytest.raises(mt5redis.Refused, match="WRONGTYPE"):
        next(fleet.signals(["1.Demo"], start="beginning"))
