"""A worker of a consumer group, as steps. It works beside `mt5fleet work`: the same groups, notes of what was acknowledged
(`sa:{k}:I:G`) and dead letters (`sd:{k}`).

A signal comes until it is acknowledged: after a failure, to the next worker of this name, and to another one of the group when this
one is silent. Where signals were deleted before the group was given them, or before they were acknowledged, it tells a gap. It
deletes nothing; `mt5fleet govern` trims what everybody has passed.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, Literal

from redis import ResponseError

from . import acknowledged, keys, kinds
from .acknowledged import name_of
from .decoding import of_pairs
from .errors import ConfigurationError, GapError, Unreachable, Unreadable
from .reading import BLOCK, POLL
from .records import Gap, N, Signal
from .sequences import Mark, Sequences
from .servers import Keyed
from .states import Lanes, ask_all
from .steps import Command, Pause, Steps

log = logging.getLogger("mt5redis")

PREFETCH = 16
ROUND = 1.0
_LETTERS = 100_000
_LONGEST_PAUSE = 60.0
_RECENT = 65_536
"""Acknowledged signals that a worker remembers, for a server that forgot them: more than a terminal sends again in a minute."""


@dataclass(frozen=True, slots=True)
class Delivery(Generic[N]):
    """A signal that was handed to this worker."""

    signal: Signal[N]
    source: str
    stream: str
    id: str
    deliveries: int
    """How often it was handed out, this time included."""
    entry: dict[bytes, bytes]


@dataclass(slots=True)
class _Pending(Generic[N]):
    source: str
    stream: str
    id: str
    entry: dict[bytes, bytes]
    signal: Signal[N] | Unreadable
    deliveries: int
    since: float


@dataclass
class _Joined:
    source: str
    stream: str
    noted: str
    """Where the group notes what it acknowledged."""
    new: bool
    """Nobody of the group has read it before."""
    done: set[str]
    """After the group was lost: what was acknowledged before."""
    seen: Sequences = field(default_factory=Sequences)
    looked_back: bool = False

    def look_back(self) -> None:
        """What was on its way was given to this worker, which did not see it."""
        self.looked_back, self.new, self.seen = False, False, Sequences()


class Working(Generic[N]):
    """The state of a worker."""

    def __init__(
        self,
        lanes: Lanes[N],
        group: str,
        consumer: str,
        sources: Iterable[str] | None,
        start: Literal["new", "beginning"],
        attempts: int,
        take_over: float,
        gaps: Literal["raise", "yield"],
    ) -> None:
        self._lanes, self._start, self._attempts, self._take_over, self._gaps = lanes, start, attempts, take_over, gaps
        self._group, self._consumer = keys.reader_name("group", group), keys.reader_name("consumer", consumer)
        if start not in ("new", "beginning") or attempts < 1 or take_over < 1:
            raise ConfigurationError("start is 'new' or 'beginning', attempts 1 or more, take_over 1 s or more")
        if gaps not in ("raise", "yield"):
            raise ConfigurationError(f"gaps = {gaps!r} is refused: pass 'raise' or 'yield'")
        self._names = None if sources is None else [keys.instance_id(name) for name in sources]
        self._kind = kinds.signals(lanes)
        self._joined: dict[str, _Joined] = {}
        self._queue: deque[_Pending[N] | Gap] = deque()
        self._again: list[tuple[float, int, _Pending[N]]] = []
        self._recent: dict[tuple[str, str], None] = {}
        self._held: set[tuple[str, str]] = set()
        """What was handed out and is not dealt with."""
        self._numbers = itertools.count()
        self._round_at = 0.0
        self._started = self._outage = False
        self._pause = 0.1

    def next(self, most: float) -> Steps[Delivery[N] | Gap | None]:
        """The next signal or gap, or None if there is none within about `most` seconds. Raises `GapError` if gaps raise."""
        try:
            item = yield from self._next(most)
        except Unreachable as error:
            self._look_back()
            if not self._outage:
                log.warning("%s; trying again", error)
            self._outage = True
            yield Pause(min(self._pause, max(most, 0.01)))
            self._pause = min(self._pause * 2, 5.0)
            return None
        except GeneratorExit:  # it was interrupted
            self._look_back()
            raise
        self._outage, self._pause = False, 0.1
        if isinstance(item, Gap) and self._gaps == "raise":
            raise GapError(item)
        return item

    def _look_back(self) -> None:
        for joined in self._joined.values():
            joined.look_back()

    def _next(self, most: float) -> Steps[Delivery[N] | Gap | None]:
        now = time.monotonic()
        if now >= self._round_at:
            yield from self._join()
            yield from self._claim()
            streams = [(joined.stream, joined.noted) for joined in self._joined.values()]
            yield from acknowledged.advance(self._lanes.rtss, self._group, streams)
            self._round_at = now + ROUND
        while self._again and self._again[0][0] <= now:
            self._queue.append(heapq.heappop(self._again)[2])
        if not self._queue:
            yield from self._fetch(most)
        while self._queue:
            item = yield from self._hand_out(self._queue.popleft())
            if item is not None:
                return item
        return None

    # Joining

    def _join(self) -> Steps[None]:
        names = self._names
        if names is None:
            names = yield from self._kind.find({joined.source for joined in self._joined.values()})
        fresh = [name for name in names if self._kind.key_of(name) not in self._joined]
        for name in fresh:
            yield from self._join_one(name, self._start == "new" and not self._started)
        self._started = True

    def _join_one(self, source: str, new: bool) -> Steps[None]:
        servers, stream = self._lanes.rtss, self._kind.key_of(source)
        noted = self._noted(source)
        start, done = yield from acknowledged.since_mark(servers, noted)
        made = (yield from servers.ask([(stream, ("XGROUP", "CREATE", stream, self._group, start or ("$" if new else "0")))]))[0]
        if isinstance(made, ResponseError) and "requires the key to exist" in str(made):
            return
        exists = isinstance(made, ResponseError) and "BUSYGROUP" in str(made)
        if not exists:
            servers.good(made)
            if start is None:
                yield from acknowledged.first_mark(servers, noted, stream, new)
        self._joined[stream] = _Joined(source, stream, noted, not exists and start is None, set() if exists else set(done))

    def _noted(self, source: str) -> str:
        return keys.acknowledged(keys.shard(source, self._lanes.configuration.shards), source, self._group)

    # Fetching

    def _fetch(self, most: float) -> Steps[None]:
        servers, joined = self._lanes.rtss, list(self._joined.values())
        if not joined:
            yield Pause(min(most, 0.1))
            return
        back = [one for one in joined if not one.looked_back]
        slots: dict[int, list[_Joined]] = {}
        for one in back or joined:
            slots.setdefault(keys.slot(one.stream) if servers.is_cluster else 0, []).append(one)
        block = min(most, BLOCK, servers.endpoint.reply_timeout / 2)
        if self._again:
            block = min(block, max(self._again[0][0] - time.monotonic(), 0.0))
        wait = not back and block > 0 and len(slots) == 1
        asked: list[Keyed] = []
        for some in slots.values():
            words: Command = ("BLOCK", max(1, int(block * 1000))) if wait else ()
            ids = ["0" if back else ">"] * len(some)
            count = max(1, PREFETCH // len(joined))
            group: Command = ("XREADGROUP", "GROUP", self._group, self._consumer, "COUNT", count)
            asked.append((some[0].stream, (*group, *words, "STREAMS", *(one.stream for one in some), *ids)))
        got = False
        for reply in (yield from servers.ask(asked)):
            if _is_lost(reply):
                self._rejoin()
                return
            for name, entries in servers.good(reply) or []:
                got |= bool(entries)
                unknown = [entry for entry in entries if not back or (name.decode(), entry[0].decode()) not in self._held]
                yield from self._take_in(self._joined[name.decode()], unknown, bool(back))
        for one in back:
            one.looked_back = True
        if not got and not wait and block > 0 and not back:
            yield Pause(min(POLL, block))

    def _take_in(self, joined: _Joined, entries: list[Any], counted: bool) -> Steps[None]:
        """Queues entries. Of those that were handed out before, the server knows how often."""
        waiting = (*self._queue, *(one[2] for one in self._again))
        known = {one.id for one in waiting if isinstance(one, _Pending) and one.stream == joined.stream}
        fresh = [(id.decode(), pairs) for id, pairs in entries if id.decode() not in known]
        deleted = [id for id, pairs in fresh if pairs is None]
        if deleted:
            yield from self._lanes.rtss.ask([(joined.stream, ("XACK", joined.stream, self._group, *deleted))])
            self._queue.append(_deleted(joined, len(deleted)))
            fresh = [(id, pairs) for id, pairs in fresh if pairs is not None]
        counts = [1] * len(fresh)
        if counted and fresh:
            questions: list[Keyed] = [(joined.stream, ("XPENDING", joined.stream, self._group, id, id, 1)) for id, _ in fresh]
            replies = yield from ask_all(self._lanes.rtss, questions)
            counts = [reply[0][3] if isinstance(reply, list) and reply else 1 for reply in replies]
        arriving = []
        for (id, pairs), count in zip(fresh, counts):
            entry = of_pairs(pairs)
            signal = self._decoded(joined.source, id, entry)
            arriving.append(_Pending(joined.source, joined.stream, id, entry, signal, count, time.monotonic()))
        yield from self._queue_with_gaps(joined, arriving)

    def _decoded(self, source: str, id: str, entry: dict[bytes, bytes]) -> Signal[N] | Unreadable:
        try:
            return self._lanes.decoder.signal(source, id, entry)
        except Unreadable as error:
            return error

    def _queue_with_gaps(self, joined: _Joined, arriving: list[_Pending[N]]) -> Steps[None]:
        """Queues entries, each behind the gap that it shows: its predecessor was given to nobody of the group."""
        doubts: dict[str, int] = {}
        questions: list[acknowledged.Question] = []
        for pending in arriving:
            if isinstance(pending.signal, Unreadable):
                continue
            mark = self._kind.mark(pending.signal)
            with suppress(Unreadable):  # a number that no journal gives says nothing
                joined.seen.is_again(mark)
                after = joined.seen.gap(mark, was_away=not joined.new)
                if after is not None:
                    doubts[pending.id] = after
                    questions.append((joined.stream, joined.noted, pending.id, mark))
                joined.seen.add(mark)

        def decode(stream: str, id: str, entry: dict[bytes, bytes]) -> Mark:
            return self._kind.mark(self._lanes.decoder.signal(joined.source, id, entry))

        given = yield from acknowledged.predecessors_given(self._lanes.rtss, decode, questions)
        missing = {question[2]: question[3] for question, known in zip(questions, given) if not known}
        for pending in arriving:
            if pending.id in missing:
                mark = missing[pending.id]
                self._queue.append(Gap(joined.stream, joined.source, mark.producer, doubts[pending.id], mark.previous))
            self._queue.append(pending)

    def _claim(self) -> Steps[None]:
        """Takes over what workers that are silent were given."""
        idle, joined = int(self._take_over * 1000), list(self._joined.values())
        claim: Command = (self._group, self._consumer, idle, "0-0", "COUNT", PREFETCH)
        replies = yield from ask_all(self._lanes.rtss, [(one.stream, ("XAUTOCLAIM", one.stream, *claim)) for one in joined])
        for one, reply in zip(joined, replies):
            if _is_lost(reply):
                self._rejoin()
                return
            _, entries, *deleted = self._lanes.rtss.good(reply)
            if deleted and deleted[0]:
                self._queue.append(_deleted(one, len(deleted[0])))
            if None in entries:  # Redis 6.2 does not say which were deleted, until they are read
                one.looked_back = False
            yield from self._take_in(one, [entry for entry in entries if entry is not None], True)

    def _rejoin(self) -> None:
        log.warning("group %s was lost on a stream; it continues after what it acknowledged", self._group)
        self._joined.clear()
        self._round_at = 0.0

    # Handing out

    def _hand_out(self, pending: _Pending[N] | Gap) -> Steps[Delivery[N] | Gap | None]:
        if isinstance(pending, Gap):
            return pending
        if time.monotonic() - pending.since > self._take_over / 3 and not (yield from self._claim_again(pending, "JUSTID")):
            return None  # it waited here for long
        if isinstance(pending.signal, Unreadable):
            self._lanes.told(f"{pending.stream} {pending.id}", pending.signal)
            yield from self._bury(pending, str(pending.signal))
            return None
        signal, joined = pending.signal, self._joined.get(pending.stream)
        delivery = Delivery(signal, pending.source, pending.stream, pending.id, pending.deliveries, pending.entry)
        name = name_of(self._kind.mark(signal))
        is_done = (pending.stream, name) in self._recent or (joined is not None and name in joined.done)
        if is_done and not signal.retried:
            yield from self.acknowledge(delivery)
            return None
        self._held.add((pending.stream, pending.id))
        return delivery

    def _claim_again(self, pending: _Pending[N], *words: str) -> Steps[bool]:
        """Makes sure of a signal that is this worker's. False: somebody acted on it or has taken it over; or it was deleted, which
        is a gap."""
        servers, stream = self._lanes.rtss, pending.stream
        question: Command = ("XPENDING", stream, self._group, pending.id, pending.id, 1, self._consumer)
        if not servers.good((yield from servers.ask([(stream, question)]))[0]):
            return False
        claim: Command = ("XCLAIM", stream, self._group, self._consumer, 0, pending.id, "IDLE", 0, *words)
        claimed = servers.good((yield from servers.ask([(stream, claim)]))[0])
        if not claimed or claimed[0] is None:
            self._queue.append(Gap(stream, pending.source, "", 0, 0, deleted=1))
            return False
        pending.since = time.monotonic()
        return True

    def acknowledge(self, delivery: Delivery[N]) -> Steps[None]:
        """Says that a signal was acted on: it does not come again, even if the server loses the group."""
        yield from self._lanes.rtss.transact(delivery.stream, self._acknowledgement(delivery.source, delivery.id, delivery.signal))
        self._held.discard((delivery.stream, delivery.id))
        self._recent[delivery.stream, name_of(self._kind.mark(delivery.signal))] = None
        if len(self._recent) > _RECENT:
            del self._recent[next(iter(self._recent))]

    def _acknowledgement(self, source: str, id: str, signal: Signal[N] | Unreadable) -> list[Command]:
        commands: list[Command] = [("XACK", self._kind.key_of(source), self._group, id)]
        if isinstance(signal, Unreadable):
            return commands
        return commands + acknowledged.note(self._noted(source), id, name_of(self._kind.mark(signal)))

    def failed(self, delivery: Delivery[N], error: str) -> Steps[None]:
        """Says that acting on a signal failed: it comes again after a while, or goes to the dead letters."""
        pending = _Pending(
            *(delivery.source, delivery.stream, delivery.id, delivery.entry, delivery.signal, delivery.deliveries),
            since=time.monotonic(),
        )
        self._held.discard((delivery.stream, delivery.id))
        if delivery.deliveries >= self._attempts:
            yield from self._bury(pending, error)
        elif (yield from self._claim_again(pending)):
            pending.deliveries += 1
            pause = min(2.0 ** (delivery.deliveries - 1), _LONGEST_PAUSE)
            heapq.heappush(self._again, (time.monotonic() + pause, next(self._numbers), pending))

    def _bury(self, pending: _Pending[N], error: str) -> Steps[None]:
        """Moves a signal to the dead letters, unless that was done."""
        servers = self._lanes.rtss
        question: Command = ("XPENDING", pending.stream, self._group, pending.id, pending.id, 1)
        if not servers.good((yield from servers.ask([(pending.stream, question)]))[0]):
            return
        letters = keys.dead_letters(keys.shard(pending.source, self._lanes.configuration.shards))
        fields = [part for pair in pending.entry.items() for part in pair]
        letter: Command = (
            *("XADD", letters, "MAXLEN", "~", _LETTERS, "*"),
            *fields,
            *("x-source", pending.source, "x-id", pending.id, "x-group", self._group),
            *("x-error", error[:1000], "x-deliveries", pending.deliveries),
        )
        acknowledgement = self._acknowledgement(pending.source, pending.id, pending.signal)
        yield from servers.transact(pending.stream, [letter, *acknowledgement], once=True)
        log.error("%s %s is a dead letter: %s", pending.stream, pending.id, error)


def _deleted(joined: _Joined, count: int) -> Gap:
    return Gap(joined.stream, joined.source, "", 0, 0, deleted=count)


def _is_lost(reply: Any) -> bool:
    return isinstance(reply, ResponseError) and "NOGROUP" in str(reply)
