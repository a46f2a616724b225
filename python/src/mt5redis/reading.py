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
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, Union

from redis.exceptions import NoPermissionError

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
DISCOVER, SURVEY = 1.0, 10.0
"""How often new streams are looked for, and known ones looked at, seconds."""
POLL = 0.05
"""Between two reads where one command cannot wait for all streams: on a Cluster."""
_LONGEST_PAUSE = 5.0
_NO_ENTRY = f"-{2**64 - 1}"
"""Ends a place at a time; no entry has such an id."""


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
    begin: str = "0-0"
    """Where this reader began."""
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
            self._start = f"{max(milliseconds(start) - 1, 0)}{_NO_ENTRY}"
        self._cursor = Cursor(cursor)
        self._places: dict[str, Place] = {}
        self._queue: deque[tuple[Place, str, dict[bytes, bytes]]] = deque()
        self._discover_at = self._survey_at = 0.0
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
            self._survey_at = 0.0  # another server may answer next
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
        if now >= self._survey_at:
            yield from self._survey()
            self._survey_at = now + SURVEY
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
        newest = [place for place in fresh if not place.resumed and self._start is None and not self._started]
        for place, (_, last) in zip(newest, (yield from self._ends(newest))):
            if last is not None:
                place.read = place.done = last[0]
                self._pass_over(place, *last)
        for place in fresh:
            place.begin, self._places[place.key] = place.read, place
            if place.resumed:
                self._survey_at = 0.0

    def _pass_over(self, place: Place, id: str, entry: dict[bytes, bytes]) -> None:
        """Notes that the reader begins after this entry."""
        with suppress(Unreadable):
            place.seen.begin_after(self._kind.mark(self._kind.decode(place.instance, id, entry)))

    def _survey(self) -> Steps[None]:
        """Whether each stream is still what it was. One that was made again by a server with a slow clock, such as the new master
        after a failover, would show nothing behind the place: it is read again, without what was read."""
        places = list(self._places.values())
        for place, (first, last) in zip(places, (yield from self._ends(places, may_be_blind=True))):
            if place.resumed or self._outage:
                place.was_away |= first is None or _order(first) > _order(place.read)
            place.resumed = False
            if last is not None and _order(last[0]) < _order(place.read) and not place.read.endswith(_NO_ENTRY):
                log.info("%s ended at %s, and ends at %s now: it is read again", place.key, place.read, last[0])
                place.read = place.begin if _order(place.begin) < _order(last[0]) else "0-0"

    def _ends(
        self, places: list[Place], may_be_blind: bool = False
    ) -> Steps[list[tuple[str | None, tuple[str, dict[bytes, bytes]] | None]]]:
        """The first id of each stream, and the last entry, if this user may see it."""
        servers, asked = self._kind.servers, list[Keyed]()
        for place in places:
            asked.append((place.key, ("XREAD", "COUNT", 1, "STREAMS", place.key, "0-0")))
            asked.append((place.key, ("XREVRANGE", place.key, "+", "-", "COUNT", 1)))
        replies = yield from ask_all(servers, asked)
        ends = []
        for first, last in zip(replies[::2], replies[1::2]):
            first, last = servers.good(first), None if may_be_blind and isinstance(last, NoPermissionError) else servers.good(last)
            newest = (last[0][0].decode(), of_pairs(last[0][1])) if last else None
            ends.append((first[0][1][0][0].decode() if first else None, newest))
        return ends

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


def _order(id: str) -> tuple[int, int]:
    milliseconds_part, number = id.split("-")
    return int(milliseconds_part), int(number)
