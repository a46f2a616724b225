"""Reads streams from where a reader stands, as steps: events, signals and reports alike. It finds new streams, drops second copies,
and tells gaps. `readers` and `aio` are its shells.

An item counts as finished when the next one is asked for. Decoding waits until then, so that the place, the numbers seen and what
was finished always fit together.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, Union

from . import keys
from .cursor import Cursor
from .decoding import milliseconds, of_pairs
from .errors import ConfigurationError, GapError, Unreachable, Unreadable
from .records import Gap
from .sequences import Mark, Sequences
from .servers import Keyed, Servers
from .states import Lanes, ask_all
from .steps import Pause, Steps

log = logging.getLogger("mt5redis")
T = TypeVar("T")
Start = Union[Literal["new", "beginning"], datetime]

BLOCK = 0.5
"""How long the server holds a read that finds nothing, at most, seconds."""
OF_ONE, OF_ALL = 256, 4096
"""Entries that one read fetches of one stream at most, and of all of them about."""
DISCOVER = 1.0
POLL = 0.05
"""Between two reads where one command cannot wait for all streams: on a Cluster."""
_LONGEST_PAUSE = 5.0


@dataclass(frozen=True)
class Kind(Generic[T]):
    """What to read."""

    servers: Servers
    key_of: Callable[[str], str]
    """The stream of an instance."""
    decode: Callable[[str, str, dict[bytes, bytes]], T]
    mark: Callable[[T], Mark]
    find: Callable[[set[str]], Steps[list[str]]]
    """The instances that have a stream and are not among the known ones."""


@dataclass
class Place:
    """A reader's place in one stream."""

    instance: str
    key: str
    read: str
    """The last entry fetched."""
    done: str
    """The last entry taken."""
    seen: Sequences = field(default_factory=Sequences)
    resumed: bool = False
    was_away: bool = False


class Reading(Generic[T]):
    """The state of a reader. `shell`s call `take`, and `turn` when there is nothing to take."""

    def __init__(
        self,
        lanes: Lanes[Any],
        kind: Kind[T],
        names: Iterable[str] | None,
        start: Start,
        cursor: str | Path | None,
        gaps: Literal["raise", "yield"],
        follow: bool,
    ) -> None:
        if gaps not in ("raise", "yield"):
            raise ConfigurationError(f"gaps = {gaps!r} is refused: pass 'raise' or 'yield'")
        if not isinstance(start, datetime) and start not in ("new", "beginning"):
            raise ConfigurationError(f"start = {start!r} is refused: pass 'new', 'beginning' or a datetime")
        if isinstance(names, str):
            raise ConfigurationError(f"{names!r} is one text: pass a list of instance ids")
        self._lanes, self._kind, self._gaps, self._follow = lanes, kind, gaps, follow
        self._names = None if names is None else list(dict.fromkeys(keys.instance_id(name) for name in names))
        if self._names == []:
            raise ConfigurationError("the list of instances is empty: nothing would ever come")
        self._start: str | None = None if start == "new" else "0-0"
        if isinstance(start, datetime):
            self._start = f"{max(milliseconds(start) - 1, 0)}-{2**64 - 1}"
        self._cursor = Cursor(cursor)
        self._places: dict[str, Place] = {}
        self._queue: deque[tuple[Place, str, dict[bytes, bytes]]] = deque()
        self._discover_at = 0.0
        self._started = self._told = self._outage = False
        self._pause = 0.1
        self.ended = False

    # Taking

    def take(self) -> T | Gap | None:
        """The next item; None: read first. It finishes the item before. Raises `GapError` if gaps raise."""
        self.finish()
        while self._queue:
            place, id, entry = self._queue[0]
            try:
                item = self._kind.decode(place.instance, id, entry)
                mark = self._kind.mark(item)
                again = place.seen.is_again(mark)
            except Unreadable as error:
                self._lanes.told(f"{place.key} {id}", error)
                again, item = True, None
            if not again and item is not None:
                after = None if self._told else place.seen.gap(mark, place.was_away)
                if after is not None:
                    self._told = True
                    place.seen.add_gap(mark)
                    gap = Gap(place.key, place.instance, mark.producer, after, mark.previous)
                    if self._gaps == "raise":
                        raise GapError(gap)
                    return gap
                place.seen.add(mark)
            self._queue.popleft()
            self._told = False
            place.done = id
            if not again and item is not None:
                return item
        return None

    def finish(self) -> None:
        """Whatever was taken is dealt with: stores the place."""
        if self._started:
            stored = {p.key: {"id": p.done, "seen": p.seen.stored()} for p in self._places.values()}
            self._cursor.save(stored)

    # Reading

    def turn(self, most: float) -> Steps[None]:
        """Reads once, waiting for at most so many seconds. An outage is logged, and the next turn tries again."""
        try:
            yield from self._read(most)
        except Unreachable as error:
            if not self._follow:
                raise
            if not self._outage:
                log.warning("%s; trying again", error)
            self._outage = True
            yield Pause(min(self._pause, max(most, 0.01)))
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
            return
        if self._outage:
            log.warning("the %s server answers again", self._kind.servers.lane)
        self._outage, self._pause = False, 0.1

    def _read(self, most: float) -> Steps[None]:
        now = time.monotonic()
        if not self._started or (self._names is None and self._follow and now >= self._discover_at):
            names = self._names
            if names is None:
                names = yield from self._kind.find({place.instance for place in self._places.values()})
            yield from self._open(names)
            self._started, self._discover_at = True, now + DISCOVER
        if not self._places:
            self.ended = not self._follow
            yield Pause(min(most, 0.1))
            return
        got = yield from self._fetch(min(most, BLOCK, self._kind.servers.endpoint.reply_timeout / 2))
        if not got and not self._follow:
            self.ended = True

    def _open(self, names: list[str]) -> Steps[None]:
        """Finds where to begin in streams that are new to this reader."""
        fresh = [Place(name, self._kind.key_of(name), "0-0", "0-0") for name in names]
        for place in fresh:
            stored = self._cursor.streams.get(place.key)
            if stored is not None:
                place.read = place.done = stored["id"]
                place.seen, place.resumed = Sequences.restored(stored["seen"]), True
            elif self._start is not None:
                place.read = place.done = self._start
        servers = self._kind.servers
        resumed = [place for place in fresh if place.resumed]
        for place, reply in zip(resumed, (yield from ask_all(servers, [_first(place.key) for place in resumed]))):
            first = servers.good(reply)
            place.was_away = not first or _order(first[0][1][0][0].decode()) > _order(place.done)
        newest = [place for place in fresh if not place.resumed and self._start is None and not self._started]
        for place, reply in zip(newest, (yield from ask_all(servers, [_last(place.key) for place in newest]))):
            last = servers.good(reply)
            if last:
                place.read = place.done = last[0][0].decode()
        self._places.update((place.key, place) for place in fresh)

    def _fetch(self, block: float) -> Steps[bool]:
        servers, places = self._kind.servers, list(self._places.values())
        count = max(1, min(OF_ONE, OF_ALL // len(places)))
        slots: dict[int, list[Place]] = {}
        for place in places:
            slots.setdefault(keys.slot(place.key) if servers.is_cluster else 0, []).append(place)
        wait = self._follow and block > 0 and len(slots) == 1
        asked: list[Keyed] = []
        for some in slots.values():
            block_words = ("BLOCK", max(1, int(block * 1000))) if wait else ()
            command = ("XREAD", "COUNT", count, *block_words, "STREAMS", *(p.key for p in some), *(p.read for p in some))
            asked.append((some[0].key, command))
        got = False
        for reply in (yield from servers.ask(asked)):
            for name, entries in servers.good(reply) or []:
                place = self._places[name.decode()]
                for id, pairs in entries:
                    place.read = id.decode()
                    if pairs:
                        self._queue.append((place, place.read, of_pairs(pairs)))
                    got = True
        if not got and not wait and self._follow and block > 0:
            yield Pause(min(POLL, block))
        return got


def _first(key: str) -> Keyed:
    return key, ("XREAD", "COUNT", 1, "STREAMS", key, "0-0")


def _last(key: str) -> Keyed:
    return key, ("XREVRANGE", key, "+", "-", "COUNT", 1)


def _order(id: str) -> tuple[int, int]:
    milliseconds_part, number = id.split("-")
    return int(milliseconds_part), int(number)
