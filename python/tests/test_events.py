"""Trade events, deals and equity: what the library writes, read as typed objects, once and in order, whatever the servers do."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pandas
import pytest
from servers import until
from terminal import Terminal
from wire import fields, packed

from mt5redis import (
    Deal,
    DealEntry,
    DealKind,
    Fleet,
    Gap,
    Happened,
    PositionEvent,
    PositionGone,
    PositionState,
    aio,
    frames,
    schema,
)

UTC = timezone.utc


def site(server, tmp_path, encoding):
    path = tmp_path / f"{encoding}.toml"
    path.write_text(f'url = "{server.url}"\n[rts]\nencoding = "{encoding}"\n')
    return path


def a_day(terminal, now):
    """Everything that can happen to positions, and the deals of it."""
    terminal.position(7, volume=0.3, time_ms=now - 900)
    terminal.deal(11, volume=0.3, price=1.10345, commission=-0.5, time_ms=now - 900)
    terminal.position(7, "PRICE", price_current=1.2)  # no event
    terminal.position(7, "CHANGE", volume=0.2, volume_closed=0.1)
    terminal.deal(12, "SELL", "OUT", profit=12.5, swap=-0.25, commission=-0.5, server_offset_s=7200)
    terminal.position(8, symbol="GOLD")
    terminal.position(7, "CLOSE", volume=0, volume_closed=0.3, price_close=1.2, profit=30.1, close_time_ms=now - 500)
    terminal.deal(13, "BALANCE", "NONE", symbol="", position=0, volume=0, price=0, profit=1000, comment="größer")
    terminal.open_positions()
    terminal.flush()


@pytest.mark.parametrize("encoding", ["fields", "packed"])
def test_events_and_deals_of_the_library(server, terminals, tmp_path, encoding):
    now = int(time.time() * 1000)
    terminal = terminals(config=site(server, tmp_path, encoding))
    terminal.heartbeat()
    a_day(terminal, now)
    terminal.deal(12, "SELL", "OUT", profit=12.5)  # told already
    terminal.flush()
    with Fleet.from_url(server.url, numbers=Decimal) as fleet:
        opened, entry, changed, exit, gold, closed, paid, gone = fleet.events(start="beginning", follow=False)
        assert fleet.unreadable == 0
        assert isinstance(opened, PositionEvent) and opened.event is Happened.OPEN and opened.previous == 0
        assert opened.time == datetime.fromtimestamp((now - 900) // 1000, UTC) + timedelta(milliseconds=(now - 900) % 1000)
        assert (opened.position.symbol, opened.position.volume, opened.position.price_open) == (
            "EURUSD",
            Decimal("0.3"),
            Decimal("1.10345"),
        )
        assert isinstance(changed, PositionEvent) and (changed.event, changed.position.volume_closed) == (
            Happened.CHANGE,
            Decimal("0.1"),
        )
        assert isinstance(closed, PositionEvent) and (closed.event, closed.position.state, closed.position.price_close) == (
            Happened.CLOSE,
            PositionState.CLOSED,
            Decimal("1.2"),
        )
        assert isinstance(gone, PositionGone) and (gone.position, gone.state, gone.previous) == (
            8,
            PositionState.GONE,
            paid.sequence,
        )
        assert isinstance(exit, Deal) and (exit.deal, exit.order, exit.position, exit.kind, exit.entry) == (
            12,
            13,
            7,
            DealKind.SELL,
            DealEntry.OUT,
        )
        assert (exit.profit, exit.swap, exit.commission, exit.server_offset) == (
            Decimal("12.5"),
            Decimal("-0.25"),
            Decimal("-0.5"),
            timedelta(hours=2),
        )
        assert (entry.entry, gold.position.symbol) == (DealEntry.IN, "GOLD")
        assert (paid.kind, paid.entry, paid.symbol, paid.position, paid.comment) == (
            DealKind.MONEY,
            DealEntry.NONE,
            "",
            0,
            "größer",
        )
        told = [opened, entry, changed, exit, gold, closed, paid, gone]
        assert [after.previous for after in told[1:]] == [before.sequence for before in told[:-1]]
        assert (fleet.positions(), [one.position for one in fleet.closed()]) == ([], [7, 8])
        deals = fleet.to_pandas("deals")
        trades = deals[deals.kind.isin(["buy", "sell", "other"])]
        assert (trades.profit + trades.swap + trades.commission).sum() == Decimal("11.25")
        assert list(fleet.to_pandas("events").event) == ["open", "change", "open", "close", "gone"]


def test_events_that_a_server_lost_come_once_and_in_order(tmp_path):
    """A server without a disk starts again, empty: the library sends again what it still has."""
    from servers import Server

    server = Server(tmp_path / "redis")
    terminal = Terminal("1.Demo", server.url, tmp_path / "data")
    try:
        with Fleet.from_url(server.url) as fleet:
            reader = fleet.events(["1.Demo"], start="beginning")
            a_day(terminal, int(time.time() * 1000))
            before = [reader.poll(10) for _ in range(8)]
            server.kill()
            assert server.start()
            terminal.position(9)
            terminal.deal(14)
            after = [reader.poll(20) for _ in range(2)]
            assert [one.sequence for one in after] == [before[-1].sequence + 1, before[-1].sequence + 2]
            assert (after[0].event, after[1].deal, reader.poll(0)) == (Happened.OPEN, 14, None)
            terminal.flush()
            assert server.client().xlen("te:{1.Demo}") > 2, "the library sent nothing again, so this test shows nothing"
    finally:
        terminal.close()
        server.kill()


def test_deleted_events_are_a_gap(server, terminals, fleet, tmp_path):
    terminal, cursor = terminals(), tmp_path / "cursor"
    terminal.heartbeat()
    terminal.position(7)
    terminal.flush()
    with fleet.events(start="beginning", cursor=cursor) as reader:
        first = reader.poll(10)
    a_day(terminal, int(time.time() * 1000))
    client = server.client()
    ids = [id for id, _ in client.xrange("te:{1.Demo}")]
    client.xtrim("te:{1.Demo}", minid=ids[-2], approximate=False)
    gap, paid, gone = fleet.events(cursor=cursor, gaps="yield", follow=False)
    assert gap == Gap("te:{1.Demo}", "1.Demo", first.producer, first.sequence, paid.previous)
    assert isinstance(paid, Deal) and isinstance(gone, PositionGone)


def test_a_table_says_what_it_lacks(server, terminals, fleet, caplog):
    terminal = terminals()
    terminal.heartbeat()
    a_day(terminal, int(time.time() * 1000))
    client = server.client()
    client.xdel("te:{1.Demo}", client.xrange("te:{1.Demo}")[3][0])
    with caplog.at_level(logging.WARNING, "mt5redis"):
        deals = fleet.to_pandas("deals")
    (gap,) = deals.attrs["gaps"]
    assert list(deals.deal) == [11, 13] and gap.until - gap.after == 1
    assert "the table of deals is not whole: te:{1.Demo}: records after number" in caplog.text

    async def read():
        async with aio.Fleet.from_url(server.url) as other:
            return await asyncio.gather(*(other.to_pandas(what) for what in frames.WHAT))

    for what, table in zip(frames.WHAT, asyncio.run(read())):
        pandas.testing.assert_frame_equal(table, fleet.to_pandas(what))


def test_equity_of_the_library(server, terminals, fleet):
    terminal = terminals()
    terminal.heartbeat(balance=1000.5, equity=1001.25, profit=0.75, margin=10)
    terminal.flush()
    now = datetime.now(UTC)
    last = until(lambda: fleet.equity(["1.Demo"]), "the sample")[-1]
    assert (last.instance, last.balance, last.profit, last.margin, last.credit, last.equity) == (
        "1.Demo",
        1000.5,
        0.75,
        10,
        0,
        1001.25,
    )
    assert timedelta(0) <= now - last.time < timedelta(minutes=2) and last.time.second == 0
    other = terminals("2.Demo")
    other.heartbeat(balance=500, profit=-3.2, margin=7, credit=100)
    other.flush()
    last = until(lambda: fleet.equity(["2.Demo"]), "the sample with credit")[-1]
    assert [last.balance, last.profit, last.margin, last.credit] == pytest.approx([500, -3.2, 7, 100], abs=0.1)
    assert last.credit == 100 and fleet.unreadable == 0
    table = fleet.to_pandas("equity")
    assert set(table.instance) == {"1.Demo", "2.Demo"} and table.equity.iloc[0] == 1001.25


@pytest.mark.parametrize("encode", [fields, packed])
def test_events_are_positions_deals_and_what_is_gone(server, encode):
    client = server.client()
    client.zadd("il", {"1.Demo": 1})
    add = lambda entry: client.xadd("te:{1.Demo}", entry)  # noqa: E731
    add(encode(schema.POSITION_EVENT, q=1, e="o", id=7, vo=0.3, po=1.1))
    add(encode(schema.DEAL, q=2, pq=1, e="d", id=7, de=11, ki="s", en="o", pr=-1.25, vo=0.1, px=1.2))
    add(encode(schema.POSITION_EVENT, q=3, pq=2, e="m", id=7, vo=0.2, vc=0.1))
    add(fields(schema.GONE_EVENT, q=4, pq=3, e="g", st="g", id=7, tc=1_763_800_000_000))
    add(fields(schema.GONE_EVENT, q=4, pq=4, e="g", st="g", id=8, tc=1_763_800_000_000))
    add(fields(schema.GONE_EVENT, q=4, pq=4, e="g", st="g", id=8, tc=1_763_800_000_000))  # again
    add(encode(schema.POSITION_EVENT, q=9, pq=8, e="c", st="c", id=9))
    with Fleet.from_url(server.url, numbers=Decimal) as fleet:
        opened, deal, changed, gone, other, gap, closed = fleet.events(start="beginning", gaps="yield", follow=False)
        assert isinstance(opened, PositionEvent) and (opened.position.position, opened.position.price_open) == (7, Decimal("1.1"))
        assert isinstance(deal, Deal) and (deal.kind, deal.entry, deal.profit, deal.deal) == (
            DealKind.SELL,
            DealEntry.OUT,
            Decimal("-1.25"),
            11,
        )
        assert (changed.event, changed.position.volume_closed) == (Happened.CHANGE, Decimal("0.1"))
        assert isinstance(gone, PositionGone) and (gone.position, other.position, gone.instance) == (7, 8, "1.Demo")
        assert (gap.after, gap.until, closed.event, closed.time.tzinfo) == (4, 8, Happened.CLOSE, timezone.utc)
        assert fleet.unreadable == 0
        assert list(fleet.to_pandas("deals").profit) == [Decimal("-1.25")]
        assert list(fleet.to_pandas("events").event) == ["open", "change", "gone", "gone", "close"]
