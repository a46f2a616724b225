"""A reader of streams for threads."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Generic, TypeVar, cast

from .connections import Connections
from .reading import BLOCK, Reading

T = TypeVar("T")


class Reader(Generic[T]):
    """Iterates over the items of streams, and waits for the next one. One thread at a time may use it.

    An item is finished when the next one is asked for, when `finish` is called, or when the reader's `with` block ends without an
    exception. With a cursor file, a reader that is opened again goes on behind the last finished item, so an item may come twice,
    never not at all.
    """

    def __init__(self, reading: Reading[T], connections: Connections) -> None:
        self._reading, self._connections = reading, connections

    def __iter__(self) -> Reader[T]:
        return self

    def __next__(self) -> T:
        item = self._next(None)
        if item is None:
            raise StopIteration
        return item

    def poll(self, timeout: float = 0.0) -> T | None:
        """The next item, or None if there is none within `timeout` seconds."""
        return self._next(time.monotonic() + timeout)

    def _next(self, deadline: float | None) -> T | None:
        last = False
        while True:
            item = self._reading.take()
            if item is not None:
                return cast(T, item)
            if last or self._reading.ended:
                return None
            left = BLOCK if deadline is None else deadline - time.monotonic()
            last = left <= 0  # one read all the same
            self._connections.run(self._reading.turn(max(left, 0.0)))

    def finish(self) -> None:
        """Says that the last item is dealt with, and stores the place in the cursor file."""
        self._reading.finish()

    def __enter__(self) -> Reader[T]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.finish()
