"""Which numbers of a stream's producers were seen. They tell a gap, a second copy, and a number that no journal gives.

Whoever may write the stream writes the numbers. So a number alone never makes a reader pass over a close.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from .errors import Unreadable

LARGEST_STEP = 10**12
"""How far a number may be ahead of the one before it: a journal skips 10^9 after a loss of power."""
REMEMBERED = 1024
"""Numbers remembered of a producer."""
STORED = 64
"""How many of them a cursor stores."""
PRODUCERS = 16
"""Producers remembered of a stream."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a record says about its place among the others of its producer."""

    producer: str
    sequence: int
    previous: int
    part: int = 0
    """Of several records with the same number, which one."""
    must_pass: bool = False
    """Rather twice than never: a close."""
    retried: bool = False
    """An operator sent it again; its numbers say nothing about gaps."""

    @property
    def name(self) -> str:
        """Names the record within its producer."""
        return f"{self.sequence}.{self.part}" if self.part else str(self.sequence)


def _number(name: str) -> int:
    return int(name.split(".")[0])


@dataclass(slots=True)
class _Numbers:
    last: int
    recent: deque[str] = field(default_factory=deque)
    known: set[str] = field(default_factory=set)
    floor: int = 0
    """Numbers up to here were forgotten."""

    def stored(self) -> list[int | str]:
        """The last number, the floor, and the names above it."""
        recent = list(self.recent)
        floor = max((_number(name) for name in recent[:-STORED]), default=0)
        return [self.last, max(self.floor, floor), *recent[-STORED:]]

    def add(self, mark: Mark) -> None:
        self.last = max(self.last, mark.sequence)
        self.recent.append(mark.name)
        self.known.add(mark.name)
        while len(self.recent) > REMEMBERED:
            forgotten = self.recent.popleft()
            self.known.discard(forgotten)
            self.floor = max(self.floor, _number(forgotten))


class Sequences:
    """The numbers of one stream."""

    def __init__(self) -> None:
        self._producers: dict[str, _Numbers] = {}

    def is_again(self, mark: Mark) -> bool:
        """Whether the record was seen. Raises `Unreadable` for a number that no journal gives."""
        numbers = self._producers.get(mark.producer)
        before = max(mark.previous, numbers.last if numbers else 0)
        if mark.sequence - before > LARGEST_STEP and (numbers or mark.previous):
            raise Unreadable(f"its number {mark.sequence} follows {before}: no journal skips so many")
        if numbers is None:
            return False
        return mark.name in numbers.known or (mark.sequence <= numbers.floor and not mark.must_pass)

    def gap(self, mark: Mark, was_away: bool) -> int | None:
        """After which number records are missing before this one; None: there is no gap. `was_away`: what came of unknown
        producers since the last look may be lost."""
        if not mark.previous or mark.retried:
            return None
        numbers = self._producers.get(mark.producer)
        if numbers is None:
            # A journal that got another name for its producer continues its numbers.
            renamed = any(str(mark.previous) in other.known for other in self._producers.values())
            return 0 if was_away and not renamed else None
        return numbers.last if mark.previous > numbers.last else None

    def add(self, mark: Mark) -> None:
        """Notes a record."""
        numbers = self._producers.pop(mark.producer, None) or _Numbers(0)
        numbers.add(mark)
        self._producers[mark.producer] = numbers  # the one heard last comes last
        while len(self._producers) > PRODUCERS:
            del self._producers[next(iter(self._producers))]

    def begin_after(self, mark: Mark) -> None:
        """Notes the last record before those that are read."""
        self._producers[mark.producer] = _Numbers(mark.sequence, floor=mark.sequence)

    def add_gap(self, mark: Mark) -> None:
        """Notes that a gap before a record was told."""
        numbers = self._producers.setdefault(mark.producer, _Numbers(0))
        numbers.last = max(numbers.last, mark.previous)

    def stored(self) -> dict[str, Any]:
        """For a cursor."""
        return {name: one.stored() for name, one in self._producers.items()}

    @classmethod
    def restored(cls, stored: dict[str, Any]) -> Sequences:
        """From a cursor."""
        sequences = cls()
        for name, (last, floor, *recent) in stored.items():
            sequences._producers[name] = _Numbers(int(last), deque(map(str, recent)), set(map(str, recent)), int(floor))
        return sequences
