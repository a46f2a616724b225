"""Publishing through the C library: once, whatever dies, and with the reports of what followers did."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
import redis
from servers import until
from terminal import Terminal

from mt5redis import ConfigurationError, Fleet, GapError, HaltLevel, KeyReused, LibraryError, NotCommitted, Outcome, Publisher, aio


@pytest.fixture
def publisher(server, tmp_path):
    with Publisher("strategy-1", server.url, folder=tmp_path / "journal") as publisher:
        yield publisher


def all_signals(server):
    with Fleet.from_url(server.url) as fleet:
        return list(fleet.signals(["strategy-1"], start="beginning", follow=False))


def test_each_method_says_what_it_means(server, publisher):
    before = datetime.now(timezone.utc)
    sent = publisher.buy(
        "EURUSD", 0.1, price=1.1, stop_loss=1.05, take_profit=Decimal("1.2"), magic=7, position=3, comment="größer"
    )
    publisher.sell("GOLD", Decimal("0.25"), expires=timedelta(seconds=10))
    publisher.close_position("EURUSD", position=3)
    publisher.modify("GOLD", stop_loss=1800, expires=datetime(2030, 1, 1, tzinfo=timezone.utc))
    publisher.flush()
    buy, sell, close, modify = all_signals(server)
    assert (buy.key, buy.time, sent.repeated) == (sent.key, sent.time, False) and publisher.is_committed(sent)
    assert (buy.action, buy.volume, buy.price, buy.stop_loss, buy.take_profit) == ("buy", 0.1, 1.1, 1.05, 1.2)
    assert (buy.magic, buy.position, buy.comment, buy.expires) == (7, 3, "größer", None)
    assert sell.volume == 0.25 and timedelta(seconds=9) < sell.expires - before < timedelta(seconds=12)
    assert (close.action, close.volume, close.position) == ("close", 0.0, 3)
    assert (modify.action, modify.stop_loss, modify.take_profit, modify.expires.year) == ("modify", 1800, None, 2030)


def test_what_is_refused_says_why(server, publisher, tmp_path):
    for call, error, text in [
        (lambda: publisher.buy("EURUSD", 0), LibraryError, "volume = 0 is refused"),
        (lambda: publisher.buy("", 1), LibraryError, "symbol"),
        (lambda: publisher.buy("EUR\0USD", 1), LibraryError, "NUL"),
        (lambda: publisher.buy("EURUSD", 1, key=""), ConfigurationError, "1 to 200 characters"),
        (lambda: publisher.buy("EURUSD", 1, expires=datetime(2030, 1, 1)), ValueError, "no time zone"),
        (lambda: Publisher("no id", server.url), ConfigurationError, "write 1 to 40 characters"),
        (lambda: Publisher("a", tmp_path / "none.toml"), ConfigurationError, "no regular file"),
    ]:
        with pytest.raises(error, match=text):
            call()
    publisher.buy("EURUSD", 1)
    publisher.flush()
    assert [signal.sequence for signal in all_signals(server)] == [1]


def test_a_key_stands_for_one_signal(server, publisher):
    first = publisher.buy("EURUSD", 0.1, key="alert-1")
    again = publisher.buy("EURUSD", 0.1, key="alert-1", expires=timedelta(seconds=5))
    assert again.repeated and not first.repeated and (again.key, again.time) == (first.key, first.time)
    with pytest.raises(KeyReused, match="stands for buy 0.1 EURUSD, magic 0, position 0, and now for sell"):
        publisher.sell("EURUSD", 0.1, key="alert-1")
    with pytest.raises(LibraryError):
        publisher.buy("EURUSD", -1, key="alert-2")
    assert not publisher.buy("EURUSD", 1, key="alert-2").repeated  # what was refused is not used up
    threads = [threading.Thread(target=lambda: publisher.buy("EURUSD", 1, key="alert-3")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    publisher.flush()
    assert len(all_signals(server)) == 3


STRATEGY = """
import os, sys
import mt5redis
from mt5redis.library import Library
url, folder, crash, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
publisher = mt5redis.Publisher("strategy-1", url, folder=folder)
if crash == "before":
    call = Library.call
    Library.call = lambda self, name, *rest: os._exit(9) if name == "mt5redis_signal" else call(self, name, *rest)
if crash == "after":
    call = Library.call
    def dies(self, name, *rest):
        result = call(self, name, *rest)
        if name == "mt5redis_signal":
            os._exit(9)
        return result
    Library.call = dies
for number in range(count):
    publisher.buy("EURUSD", 0.01, key=f"order-{number}")
if crash == "accepted":
    os._exit(9)
publisher.close(20)
"""


def strategy(url, folder, crash, count):
    command = [sys.executable, "-c", STRATEGY, url, str(folder), crash, str(count)]
    return subprocess.run(command, env=os.environ, timeout=60).returncode


def test_a_strategy_that_dies_at_any_step_and_starts_again_sends_each_order_once(own_server, tmp_path):
    own_server.kill()  # the server is away, too
    done = 0
    for crash in ["before", "after", "accepted", "after", "before"]:
        assert strategy(own_server.url, tmp_path, crash, done + 3) == 9
        done += crash == "accepted" and 3 or 1
    assert own_server.start()
    assert strategy(own_server.url, tmp_path, "", done + 3) == 0
    with Fleet.from_url(own_server.url) as fleet:
        sent = list(fleet.signals(["strategy-1"], start="beginning", follow=False))
    assert [signal.sequence for signal in sent] == list(range(1, done + 4))


def test_what_was_accepted_while_the_server_was_away_arrives(own_server, tmp_path):
    own_server.kill()
    publisher = Publisher("strategy-1", own_server.url, folder=tmp_path / "journal")
    publisher.buy("EURUSD", 0.1)
    with pytest.raises(NotCommitted, match="1 records are still pending"):
        publisher.flush(0.05)
    assert own_server.start()
    publisher.flush(20)
    assert any("connect" in line for line in publisher.log())
    publisher.close()
    publisher.close()


def test_reports_come_once_for_each_follower(server, publisher, tmp_path):
    follower, other = Terminal("2.Demo", server.url, tmp_path / "2"), Terminal("3.Demo", server.url, tmp_path / "3")
    earlier = publisher.buy("EURUSD", 0.2)
    follower.report("strategy-1", earlier.producer, earlier.sequence)
    sent = publisher.buy("EURUSD", 0.1)
    assert list(publisher.reports(sent, 0.05)) == []

    def acts(terminal, outcome):
        terminal.report("strategy-1", sent.producer, sent.sequence, outcome)
        terminal.report("strategy-1", sent.producer, sent.sequence, outcome)  # again, after a restart
        terminal.flush()

    late = threading.Timer(0.2, acts, (other, "SKIPPED"))
    late.start()
    acts(follower, "DONE")
    first = next(publisher.reports(sent, timeout=10))
    assert (first.follower, first.outcome, first.signal_key) == ("2.Demo", Outcome.DONE, sent.key)
    both = list(publisher.reports(sent, timeout=20, followers=["2.Demo", "3.Demo"]))  # ends when both have reported
    assert [(report.follower, report.outcome) for report in both] == [("2.Demo", "done"), ("3.Demo", "skipped")]
    late.join()

    async def read():
        async with aio.Fleet.from_url(server.url), aio.Publisher("strategy-2", server.url, folder=tmp_path / "aio") as ours:
            order = await ours.buy("EURUSD", 0.5, key="k")
            assert (await ours.buy("EURUSD", 0.5, key="k")).repeated
            follower.report("strategy-2", order.producer, order.sequence)
            found = [report async for report in ours.reports(order, timeout=20, followers=["2.Demo"])]
            await ours.flush()
            assert await ours.is_committed(order) and (await ours.halted()).level is HaltLevel.NONE
            return order, found

    order, found = asyncio.run(read())
    assert [report.signal_key for report in found] == [order.key]
    follower.close()
    other.close()


def test_reports_that_were_deleted_are_told(server, publisher, tmp_path):
    follower = Terminal("2.Demo", server.url, tmp_path / "2")
    sent, other = publisher.buy("EURUSD", 0.1), publisher.buy("EURUSD", 0.2)
    for signal in (other, sent, other):
        follower.report("strategy-1", signal.producer, signal.sequence)
        follower.flush()
    client, key = redis.Redis(port=server.port), "sr:{0}:2.Demo"
    client.xdel(key, client.xrange(key)[1][0])
    with pytest.raises(GapError, match="records after number 1 up to 2"):
        list(publisher.reports(sent, timeout=0.2, followers=["2.Demo"]))
    assert [report.signal_key for report in publisher.reports(other, timeout=5, followers=["2.Demo"])] == [other.key]

    async def read():
        async with aio.Publisher("strategy-2", server.url, folder=tmp_path / "aio") as ours:
            return [report async for report in ours.reports(sent, timeout=0.2)]

    with pytest.raises(GapError):
        asyncio.run(read())
    follower.close()


def test_a_halt_reaches_publishers_and_heartbeats_tell_who_obeys(server, publisher, fleet, tmp_path):
    terminal = Terminal("2.Demo", server.url, tmp_path / "2")
    terminal.heartbeat()
    terminal.flush()
    assert not fleet.halt("news at 14:30", who="anna", wait=0)
    stop = threading.Event()

    def beats():
        while not stop.wait(0.02):
            terminal.heartbeat(interval_ms=100)

    beating = threading.Thread(target=beats)
    beating.start()
    try:
        obedience = fleet.halt("news at 14:30", who="anna")
        assert obedience and obedience.obeying == {"2.Demo"}
        halt = until(lambda: publisher.halted().level is HaltLevel.ENTRIES and publisher.halted(), "the halt")
        assert (halt.who, halt.why) == ("anna", "news at 14:30")
        assert fleet.halts(["2.Demo"])[None].level is HaltLevel.ENTRIES
        assert fleet.halt("worse", instance="2.Demo", flatten=True, who="anna")
        assert fleet.resume(who="anna")
        assert fleet.instance("2.Demo").halted is HaltLevel.ALL  # its own key still halts it
        assert fleet.resume(instance="2.Demo", who="anna")
        assert server.client().get("halt") == "none:anna:resumed"
    finally:
        stop.set()
        beating.join()
        terminal.close()
    for arguments in [{"why": ""}, {"why": "x", "who": "a:b"}, {"why": "x" * 121, "who": "a"}, {"why": "a\nb", "who": "a"}]:
        with pytest.raises(ConfigurationError):
            fleet.halt(**arguments)


def test_a_fork_is_refused_instead_of_hanging(publisher):
    child = os.fork()
    if child == 0:
        try:
            publisher.buy("EURUSD", 0.1)
        except LibraryError as error:
            os._exit(0 if "spawn" in str(error) else 1)
        os._exit(2)
    assert os.waitpid(child, 0)[1] == 0


def test_keys_need_a_journal_and_reading_needs_no_library(server, tmp_path):
    (tmp_path / "off.toml").write_text(f'url = "{server.url}"\n[journal]\nsync = "off"\n')
    with Publisher("strategy-1", tmp_path / "off.toml") as publisher:
        with pytest.raises(ConfigurationError, match="need the journal"):
            publisher.buy("EURUSD", 0.1, key="k")
        publisher.buy("EURUSD", 0.1)
    program = f"import mt5redis; print(mt5redis.Fleet.from_url({server.url!r}).instances()); mt5redis.Publisher('a')"
    environment = os.environ | {"MT5REDIS_LIBRARY": ""}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n" and "publishing needs it, reading does not" in done.stderr
