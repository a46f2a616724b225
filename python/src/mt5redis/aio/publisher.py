"""Publishes signals, for asyncio, and waits for what followers report."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any, Generic, overload

from ..configuration import Configuration
from ..endpoint import DEFAULT_URL
from ..fleet import lanes_of
from ..publisher import Following
from ..publishing import Amount, Expires, Order, Session, configuration_of
from ..records import Halt, N, Report
from ..sent import Sent
from ..states import Lanes
from ..words import Action
from .connections import Connections
from .readers import Reader


class Publisher(Generic[N]):
    """A source of signals. See `mt5redis.Publisher`. Opening, and whatever waits, runs in another thread."""

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
        self.name = name
        self._configuration = configuration_of(config, folder)
        self._lanes: Lanes[N] = lanes_of(self._configuration, numbers)
        self._connections = Connections(f"mt5redis:{name}:reports")
        self._opened: Session | None = None
        self._opening = asyncio.Lock()

    async def _session(self) -> Session:
        async with self._opening:
            if self._opened is None:
                self._opened = await asyncio.to_thread(Session, self.name, self._configuration)
            return self._opened

    async def _send(self, order: Order, key: str | None) -> Sent:
        session = await self._session()
        if key is None:
            return session.send(order, None)  # it takes microseconds
        return await asyncio.to_thread(session.send, order, key)

    async def buy(
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
        """Buy at market."""
        order = Order(Action.BUY, symbol, volume, price, stop_loss, take_profit, magic, position, expires, comment)
        return await self._send(order, key)

    async def sell(
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
        return await self._send(order, key)

    async def close_position(
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
        """Close what was opened."""
        order = Order(Action.CLOSE, symbol, volume, price, None, None, magic, position, expires, comment)
        return await self._send(order, key)

    async def modify(
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
        """Set stop loss and take profit of what was opened."""
        order = Order(Action.MODIFY, symbol, 0.0, None, stop_loss, take_profit, magic, position, expires, comment)
        return await self._send(order, key)

    async def reports(
        self, signal: Sent, timeout: float = 5.0, *, followers: Iterable[str] | None = None
    ) -> AsyncIterator[Report[N]]:
        """What followers did with the signal, as their reports come."""
        deadline = time.monotonic() + timeout
        following = Following(self._lanes, signal, followers)
        reader = Reader(await self._connections.run(following.open(deadline)), self._connections)
        while not following.complete:
            item = await reader.poll(max(deadline - time.monotonic(), 0.0))
            if item is not None and following.is_ours(item):
                yield item
            elif item is None and time.monotonic() >= deadline:
                following.give_up()
                return

    async def is_committed(self, signal: Sent) -> bool:
        """Whether the signal is in Redis."""
        return (await self._session()).is_committed(signal)

    async def flush(self, timeout: float = 5.0) -> None:
        """Waits until everything accepted is in Redis."""
        await asyncio.to_thread((await self._session()).flush, timeout)

    async def halted(self) -> Halt:
        """Whether an operator halted this source."""
        return (await self._session()).halted()

    async def stats(self) -> dict[str, Any]:
        """The library's counters."""
        return (await self._session()).stats()

    async def log(self) -> list[str]:
        """What the library has to say since the last call."""
        return (await self._session()).log()

    async def close(self, timeout: float = 5.0) -> None:
        """Ends the session."""
        await self._connections.close()
        if self._opened is not None:
            await asyncio.to_thread(self._opened.close, timeout)

    async def __aenter__(self) -> Publisher[N]:
        await self._session()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
