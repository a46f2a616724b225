"""A worker of a consumer group, for asyncio."""

from __future__ import annotations

import time
from typing import Generic, TypeVar, cast

from ..groups import Delivery, Working
from ..reading import BLOCK
from ..records import Gap, N, Signal
from .connections import Connections

T = TypeVar("T")


class Task(Generic[N]):
    """A signal to act on: `async with task as signal:`. See `mt5redis.Task`."""

    def __init__(self, delivery: Delivery[N], working: Working[N], connections: Connections) -> None:
        self._delivery, self._working, self._connections = delivery, working, connections

    @property
    def signal(self) -> Signal[N]:
        """The signal."""
        return self._delivery.signal

    @property
    def deliveries(self) -> int:
        """How often it was handed out, this time included. Above 1 it may have been acted on before: look up `signal.key`."""
        return self._delivery.deliveries

    async def __aenter__(self) -> Signal[N]:
        return self.signal

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:
            await self._connections.run(self._working.acknowledge(self._delivery))
        elif isinstance(error, Exception):  # a cancelled task is no failure of the signal
            await self._connections.run(self._working.failed(self._delivery, f"{type(error).__name__}: {error}"))


class Worker(Generic[T]):
    """Iterates over the tasks of one worker with `async for`. See `mt5redis.Worker`."""

    def __init__(self, working: Working[N], connections: Connections) -> None:
        self._working, self._connections = working, connections

    def __aiter__(self) -> Worker[T]:
        return self

    async def __anext__(self) -> T:
        while True:
            item = await self.poll(BLOCK)
            if item is not None:
                return item

    async def poll(self, timeout: float = 0.0) -> T | None:
        """The next task, or None if there is none within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            item = await self._connections.run(self._working.next(max(deadline - time.monotonic(), 0.0)))
            if item is not None:
                return cast(T, item if isinstance(item, Gap) else Task(item, self._working, self._connections))
            if time.monotonic() >= deadline:
                return None
