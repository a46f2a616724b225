"""A worker of a consumer group, for threads."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Generic

from .connections import Connections
from .groups import Delivery, Working
from .reading import BLOCK
from .records import N, Signal


class Task(Generic[N]):
    """A signal to act on. `with task as signal:` acknowledges it when the block succeeds. When the block raises, the exception goes
    on, and the signal comes again after a while, or is a dead letter after the last attempt."""

    def __init__(self, delivery: Delivery[N], worker: Worker[N]) -> None:
        self._delivery, self._worker = delivery, worker

    @property
    def signal(self) -> Signal[N]:
        return self._delivery.signal

    @property
    def deliveries(self) -> int:
        """How often it was handed out, this time included. Above 1 it may have been acted on before: look up `signal.key`."""
        return self._delivery.deliveries

    def __enter__(self) -> Signal[N]:
        return self.signal

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:
            self._worker._run_acknowledge(self._delivery)
        elif isinstance(error, Exception):  # a KeyboardInterrupt is no failure of the signal
            self._worker._run_failed(self._delivery, f"{type(error).__name__}: {error}")


class Worker(Generic[N]):
    """Iterates over the tasks of one worker, and waits for the next one. One thread at a time may use it."""

    def __init__(self, working: Working[N], connections: Connections) -> None:
        self._working, self._connections = working, connections

    def __iter__(self) -> Iterator[Task[N]]:
        return self

    def __next__(self) -> Task[N]:
        while True:
            task = self.poll(BLOCK)
            if task is not None:
                return task

    def poll(self, timeout: float = 0.0) -> Task[N] | None:
        """The next task, or None if there is none within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            left = max(deadline - time.monotonic(), 0.0)
            delivery = self._connections.run(self._working.next(left))
            if delivery is not None:
                return Task(delivery, self)
            if time.monotonic() >= deadline:
                return None

    def _run_acknowledge(self, delivery: Delivery[N]) -> None:
        self._connections.run(self._working.acknowledge(delivery))

    def _run_failed(self, delivery: Delivery[N], error: str) -> None:
        self._connections.run(self._working.failed(delivery, error))
