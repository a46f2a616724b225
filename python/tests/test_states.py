"""Instances, positions and equity, written by the library and read as typed objects."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
import redis

import mt5redis
from mt5redis import AccountKind, Fleet, HaltLevel, Happened, PositionState, Side, aio

UTC = timezone.utc


def packed(server, tmp_path):
    path = tmp_path / "packed.toml"
    path.write_text(f'url = "{server.url}"\n[ris]\nencoding = "packed"\n[rts]\nencoding = "packed"\n')
    return path


def test_an_instance_is_read_with_real_types(server, terminals):
    terminal = terminals()
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    terminal.heartbeat(server_offset_s=7200)
    terminal.flush()
    with Fleet.from_url(server.url, numbers=Decimal) as fleet:
        state = fleet.instance("1.Demo")
    assert (state.balance, state.equity, state.margin_level) == (Decimal("1000.5"), Decimal("1001.25"), Decimal("10012.5"))
    assert before <= state.time <= datetime.now(UTC)
    assert (state.server_offset, state.interval, state.ping) == (
        timedelta(hours=2),
        timedelta(seconds=1),
        timedelta(milliseconds=1.5),
    )
    assert (state.connected, state.hedging, state.expert_trade) == (True, True, False)
    assert (state.account, state.halted, state.currency) == (AccountKind.REAL, HaltLevel.NONE, "EUR")


def test_both_encodings_say_the_same(server, terminals, tmp_path, fleet):
    read, now = [], int(time.time()) * 1000
    for config in (server.url, packed(server, tmp_path)):
        server.client().flushall()
        terminal = terminals(config=config)
        terminal.heartbeat(time_ms=now)
        for position in (77, 78, 79):
            terminal.position(position, time_ms=now, swap=-0.125)
        terminal.position(78, "CLOSE", time_ms=now + 1, volume=0, volume_closed=0.3, price_close=1.2, close_time_ms=now - 500)
        terminal.open_positions(77)
        terminal.flush()
        (state,), (opened,), (closed, gone) = fleet.instances(), fleet.positions(["1.Demo"]), fleet.closed()
        assert fleet.closed(until=closed.closed) == [closed] and fleet.closed(since=gone.closed) == [gone]
        assert (opened.side, opened.volume, opened.swap, opened.price_close, opened.take_profit) == (
            Side.BUY,
            0.3,
            -0.125,
            None,
            None,
        )
        assert opened.opened == datetime(2025, 11, 22, 8, 10, 0, 123_000, tzinfo=UTC)
        assert (closed.state, closed.event, closed.price_close) == (PositionState.CLOSED, Happened.CLOSE, 1.2)
        assert closed.closed == datetime.fromtimestamp(now / 1000, UTC) - timedelta(milliseconds=500)
        assert (gone.state, gone.event, gone.symbol) == (PositionState.GONE, Happened.GONE, "EURUSD")
        read.append([dataclasses.replace(record, time=now, producer="") for record in (state, opened, closed)])
        terminal.close()
    assert [state.__class__ for state in read[0]] == [mt5redis.Instance, mt5redis.Position, mt5redis.Position]
    assert read[0][1:] == [dataclasses.replace(record, sequence=ours.sequence) for record, ours in zip(read[1][1:], read[0][1:])]


def test_a_damaged_record_hides_nothing_of_the_others(server, terminals, fleet, caplog):
    terminal = terminals()
    terminal.heartbeat()
    terminal.position(1)
    terminal.flush()
    client = server.client()
    client.zadd("il", {"2.Evil": 1, "3.Evil": 1, "4.Evil": 1, "not an id": 1})
    client.hset("is:{2.Evil}", mapping={"v": 2, "p": "\x1b[2J"})
    client.hset("is:{3.Evil}", mapping={"v": 3})
    client.set("is:{4.Evil}", "x")
    client.sadd("to:{2.Evil}", "5", "x", "6")
    client.hset("ts:{2.Evil}:5", "d", "\x93")
    client.set("ts:{2.Evil}:6", "x")
    client.set("to:{3.Evil}", "x")
    with caplog.at_level(logging.WARNING, "mt5redis"):
        assert [state.instance for state in fleet.instances()] == ["1.Demo"]
        assert [position.position for position in fleet.positions()] == [1]
    assert fleet.unreadable == 6
    assert "is:{3.Evil} is left out: it has schema 3, and this package knows schema 2: update this package" in caplog.text
    assert "\x1b" not in caplog.text


def test_asyncio_reads_the_same(server, terminals, fleet):
    terminal = terminals()
    terminal.heartbeat()
    terminal.position(1)
    terminal.flush()

    async def read():
        async with aio.Fleet.from_url(server.url) as other:
            together = await asyncio.gather(other.instances(), other.positions(), other.known(), other.closed(), other.equity())
            return (*together, await other.instance("2.Demo"))

    instances, positions, known, closed, equity, nobody = asyncio.run(read())
    assert (instances, positions, known) == (fleet.instances(), fleet.positions(), fleet.known())
    assert (closed, equity, nobody) == ([], fleet.equity(), None)


def test_equity_is_read_by_its_laps(server, fleet):
    now = datetime.now(UTC)
    minute, data = int(now.timestamp()) // 60, bytearray(96_001)
    data[-1] = 1

    def store(n, word, lap_of=None):
        lap = (n if lap_of is None else lap_of) // 2880
        at = n % 2880 * 9
        data[at : at + 9] = (word | (lap & 15) << 60).to_bytes(8, "little") + bytes([lap >> 4 & 255])

    cents = 19  # the 19th unit is 0.01
    store(minute, 100_050 | (-250 & 0x3FFFF) << 18 | 1000 << 36 | cents << 53)
    store(minute - 5, (-1 & 0x1FFF) << 39 | 500 | 7 << 26 | (cents + 3) << 53 | 1 << 59)
    store(minute - 6, 1 | cents << 53, lap_of=minute - 6 - 2880)  # nobody wrote it in its time
    hour = minute // 60 - 100
    word = 5 | cents << 53 | (hour // 8760 & 15) << 60
    data[25920 + hour % 8760 * 8 : 25920 + hour % 8760 * 8 + 8] = word.to_bytes(8, "little")
    client = redis.Redis(port=server.port)
    client.set("ih:{1.Demo}", bytes(data))
    client.set("ih:{2.Demo}", b"short")
    old, early, last = fleet.equity(["1.Demo", "2.Demo"])
    assert (last.balance, last.profit, last.margin, last.credit, last.equity) == (1000.5, -2.5, 10.0, 0.0, 998.0)
    assert (early.balance, early.credit, early.margin) == (50.0, -0.1, 0.7)
    assert last.time == now.replace(second=0, microsecond=0) and last.time - early.time == timedelta(minutes=5)
    assert (old.balance, old.time.minute) == (0.05, 0)
    assert fleet.unreadable == 1


def test_bad_arguments_say_what_to_pass(fleet):
    for call, text in [
        (lambda: fleet.instances("1.Demo"), "is one text: pass a list"),
        (lambda: fleet.positions(["a b"]), "is no instance id: write 1 to 40"),
        (lambda: fleet.closed(since=datetime(2025, 1, 1)), "has no time zone"),
        (lambda: fleet.to_pandas("all"), "pass one of instances"),
        (lambda: Fleet.from_url("redis://a", numbers=int), "pass float or Decimal"),
    ]:
        with pytest.raises((mt5redis.Mt5RedisError, ValueError), match=text):
            call()
