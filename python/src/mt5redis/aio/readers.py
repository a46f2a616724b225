"""A reader of streams for asyncio."""

from __future__ import annotations

import time
from typing import Generic, TypeVar, cast

from ..reading import BLOCK, Reading
from .connections import Connections

T = TypeVar("T")


class Reader(Generic[T]):
    """Iterates over the items of streams with `async for`. See `mt5redis.Reader`."""

    def __init__(self, reading: Reading[T], connections: Connections) -> None:
        self._reading, self._connections = reading, connections

    def __aiter__(self) -> Reader[T]:
        return self

    async def __anext__(self) -> T:
        item = await self._next(None)
        if item is None:
            raise StopAsyncIteration
        return item

    async def poll(self, timeout: float = 0.0) -> T | None:
        """The next item, or None if there is none within `timeout` seconds."""
        return await self._next(time.monotonic() + timeout)

    async def _next(self, deadline: float | None) -> T | None:
        last = False
        while True:
            item = self._reading.take()
            if item is not None:
                return cast(T, item)
            if last or self._reading.ended:
                return None
            left = BLOCK if deadline is None else deadline - time.monotonic()
            last = left <= 0  # one read all the same
            await self._connections.run(self._reading.turn(max(left, 0.0)))

    def finish(self) -> None:
        """Says that the last item is dealt with, and stores the place in the cursor file."""
        self._reading.finish()

    async def __aenter__(self) -> Reader[T]:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is None:
            self.finish()
