"""Publishes signals, for threads, and waits for what followers report."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeGuard, overload

from . import keys, kinds
from .configuration import Configuration
from .connections import Connections
from .decoding import milliseconds, moment
from .endpoint import DEFAULT_URL
from .errors import GapError, Unreachable
from .fleet import lanes_of
from .publishing import Amount, Expires, Order, Session, configuration_of
from .readers import Reader
from .reading import Reading
from .records import Gap, Halt, N, Report
from .sent import Sent
from .states import Lanes, server_time
from .steps import Pause, Steps
from .words import Action

MARGIN_MS = 5000
"""How much earlier than the signal its reports are looked for."""


class Following(Generic[N]):
    """The reports of one signal: where to look, and which are its own."""

    def __init__(self, lanes: Lanes[N], sent: Sent, followers: Iterable[str] | None) -> None:
        self._lanes, self._sent = lanes, sent
        self.followers = None if followers is None else {keys.instance_id(name) for name in followers}
        self._told: set[str] = set()
        self._gap: Gap | None = None

    def open(self, deadline: float) -> Steps[Reading[Report[N]]]:
        """A reader that begins a little before the signal, by the server's clock. Until the deadline it waits for the server."""
        anywhere = keys.reports(0, self._sent.source)
        while True:
            try:
                ahead = (yield from server_time(self._lanes.rtss, anywhere)) - time.time() * 1000
                break
            except Unreachable:
                if time.monotonic() >= deadline:
                    raise
                yield Pause(0.1)
        start = moment(max(milliseconds(self._sent.time) + int(ahead) - MARGIN_MS, 0))
        return Reading(self._lanes, kinds.reports(self._lanes), self.followers, start, None, "yield", True)

    def is_ours(self, item: Report[N] | Gap) -> TypeGuard[Report[N]]:
        """Whether this is a report of the signal, and the first one of its follower."""
        if isinstance(item, Gap):
            self._gap = self._gap or item
            return False
        if item.signal_key != self._sent.key or item.follower in self._told:
            return False
        self._told.add(item.follower)
        return True

    def give_up(self) -> None:
        """The time is over. If reports are missing, what was waited for may be among them: raises `GapError`."""
        if self._gap is not None:
            raise GapError(self._gap)

    @property
    def complete(self) -> bool:
        """Every named follower has reported."""
        return self.followers is not None and self._told >= self.followers


class Publisher(Generic[N]):
    """A source of signals, called `name` (1 to 40 characters of `A-Z a-z 0-9 . _ -`). Any thread may use it.

    What a method accepts is in the journal on the disk before it returns, and reaches Redis once and in order, whatever dies: this
    process, the network, the server. No method waits for the network except `reports`, `flush` and `close`.

    `config`: a URL or the path of a TOML file, as for `Fleet`. The journal is in `folder`; by default, of a URL in the system's
    folder for a program's state, of a TOML file beside it. One process at a time may use a journal. `numbers`: float or Decimal,
    for the reports.

    Volumes are in lots, prices in the symbol's price; `magic` tells strategies of one source apart; `position` is a number of your
    own, above 0, by which a later close or change names this opening. `expires`: after this time, or this long from now, nobody
    should act on the signal; without it each follower decides by its own limit of age. `key`: an idempotency key, up to 200
    characters. The same key again, within 35 days and with the same journal, sends nothing and returns the signal of then.
    """

    @overload
    def __init__(
        self: Publisher[float], name: str, config: str | Path | Configuration = ..., *, folder: str | Path | None = ...
    ) -> None: ...
    @overload
    def __init__(
        self, name: str, config: str | Path | Configuration = ..., *, folder: str | Path | None = ..., numbers: type[N]
    ) -> None: ...
    def __init__(
        self, name: str, config: str | Path | Configuration = DEFAULT_URL, *, folder: str | Path | None = None, numbers: Any = float
    ) -> None:
        configuration = configuration_of(config, folder)
        self._lanes: Lanes[N] = lanes_of(configuration, numbers)
        self._connections = Connections(f"mt5redis:{name}:reports")
        self._session = Session(name, configuration)

    @property
    def name(self) -> str:
        """The source's instance id."""
        return self._session.name

    def buy(
        self,
        symbol: str,
        volume: Amount,
        *,
        price: Amount | None = None,
        stop_loss: Amount | None = None,
        take_profit: Amount | None = None,
        magic: int = 0,
        position: int = 0,
        expires: Expires = None,
        comment: str = "",
        key: str | None = None,
    ) -> Sent:
        """Buy at market. `price`: the price that the strategy sees, from which followers measure slippage."""
        order = Order(Action.BUY, symbol, volume, price, stop_loss, take_profit, magic, position, expires, comment)
        return self._session.send(order, key)

    def sell(
        self,
        symbol: str,
        volume: Amount,
        *,
        price: Amount | None = None,
        stop_loss: Amount | None = None,
        take_profit: Amount | None = None,
        magic: int = 0,
        position: int = 0,
        expires: Expires = None,
        comment: str = "",
        key: str | None = None,
    ) -> Sent:
        """Sell at market."""
        order = Order(Action.SELL, symbol, volume, price, stop_loss, take_profit, magic, position, expires, comment)
        return self._session.send(order, key)

    def close_position(
        self,
        symbol: str,
        *,
        volume: Amount = 0.0,
        price: Amount | None = None,
        magic: int = 0,
        position: int = 0,
        expires: Expires = None,
        comment: str = "",
        key: str | None = None,
    ) -> Sent:
        """Close what was opened with this `position`, or with this symbol and magic number; 0 lots: all of it."""
        order = Order(Action.CLOSE, symbol, volume, price, None, None, magic, position, expires, comment)
        return self._session.send(order, key)

    def modify(
        self,
        symbol: str,
        *,
        stop_loss: Amount | None = None,
        take_profit: Amount | None = None,
        magic: int = 0,
        position: int = 0,
        expires: Expires = None,
        comment: str = "",
        key: str | None = None,
    ) -> Sent:
        """Set stop loss and take profit of what was opened with this `position`, or symbol and magic number; None removes them."""
        order = Order(Action.MODIFY, symbol, 0.0, None, stop_loss, take_profit, magic, position, expires, comment)
        return self._session.send(order, key)

    def reports(self, signal: Sent, timeout: float = 5.0, *, followers: Iterable[str] | None = None) -> Iterator[Report[N]]:
        """What followers did with the signal: one report of each, as they come, for `timeout` seconds; it ends earlier once each of
        `followers` has reported. Without names it finds the followers by `SCAN`. If reports were deleted before they were read, it
        raises `GapError` at the end: the one that was waited for may be among them."""
        deadline = time.monotonic() + timeout
        following = Following(self._lanes, signal, followers)
        reader = Reader(self._connections.run(following.open(deadline)), self._connections)
        while not following.complete:
            item = reader.poll(max(deadline - time.monotonic(), 0.0))
            if item is not None and following.is_ours(item):
                yield item
            elif item is None and time.monotonic() >= deadline:
                following.give_up()
                return

    def is_committed(self, signal: Sent) -> bool:
        """Whether the signal is in Redis."""
        return self._session.is_committed(signal)

    def flush(self, timeout: float = 5.0) -> None:
        """Waits until everything accepted is in Redis; raises `NotCommitted` after `timeout` seconds, which loses nothing."""
        self._session.flush(timeout)

    def halted(self) -> Halt:
        """Whether an operator halted this source, as far as it has heard. A halt acts at the followers; a strategy asks before
        it opens."""
        return self._session.halted()

    def stats(self) -> dict[str, Any]:
        """The library's counters (docs/statistics.md)."""
        return self._session.stats()

    def log(self) -> list[str]:
        """What the library has to say since the last call, such as lost connections."""
        return self._session.log()

    def close(self, timeout: float = 5.0) -> None:
        """Ends the session after waiting up to `timeout` seconds until everything is in Redis. `NotCommitted` says that some is
        not, and that the next publisher with this journal sends it."""
        self._connections.close()
        self._session.close(timeout)

    def __enter__(self) -> Publisher[N]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
