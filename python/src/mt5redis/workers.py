"""A worker of a consumer group, for threads."""

from __future__ import annotations

import time
from typing import Generic, TypeVar, cast

from .connections import Connections
from .groups import Delivery, Working
from .reading import BLOCK
from .records import Gap, N, Signal

T = TypeVar("T")


class Task(Generic[N]):
    """A signal to act on. `with task as signal:` acknowledges it when the block succeeds. When the block raises, the exception goes
    on, and the signal comes again after a while, or is a dead letter after the last attempt."""

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

    def __enter__(self) -> Signal[N]:
        return self.signal

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:
            self._connections.run(self._working.acknowledge(self._delivery))
        elif isinstance(error, Exception):  # a KeyboardInterrupt is no failure of the signal
            self._connections.run(self._working.failed(self._delivery, f"{type(error).__name__}: {error}"))


class Worker(Generic[T]):
    """Iterates over the tasks of one worker, and waits for the next one. One thread at a time may use it.

    A `Gap` raises `GapError`, after which the iteration can go on, or is an item. It may be told again after a crash, and when this
    worker cannot know that another one was given what seems to be missing."""

    def __init__(self, working: Working[N], connections: Connections) -> None:
        self._working, self._connections = working, connections

    def __iter__(self) -> Worker[T]:
        return self

    def __next__(self) -> T:
        while True:
            item = self.poll(BLOCK)
            if item is not None:
                return item

    def poll(self, timeout: float = 0.0) -> T | None:
        """The next task, or None if there is none within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            item = self._connections.run(self._working.next(max(deadline - time.monotonic(), 0.0)))
            if item is not None:
                return cast(T, item if isinstance(item, Gap) else Task(item, self._working, self._connections))
            if time.monotonic() >= deadline:
                return None
