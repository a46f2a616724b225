"""A worker of a consumer group, as steps. It works beside `mt5fleet work`: the same groups, notes of what was acknowledged
(`sa:{k}:I:G`) and dead letters (`sd:{k}`).

A signal comes until it is acknowledged: after a failure, to the next worker of this name, and to another one of the group when this
one is silent. It deletes nothing; `mt5fleet govern` trims what everybody has passed.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, Literal

from redis import ResponseError

from . import keys, kinds
from .decoding import of_pairs
from .errors import ConfigurationError, Unreachable, Unreadable
from .reading import BLOCK, POLL
from .records import N, Signal
from .servers import Keyed
from .states import Lanes, ask_all, server_time
from .steps import Command, Pause, Steps

log = logging.getLogger("mt5redis")

PREFETCH = 16
ROUND = 1.0
_MARK, _KEPT, _LIFE_MS, _MOST, _LETTERS = "@", 64, 35 * 86_400_000, 100_000, 100_000
_LONGEST_PAUSE = 60.0
_STARTED_BELOW = 2**64 - 1


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
class _Pending:
    source: str
    stream: str
    id: str
    entry: dict[bytes, bytes]
    deliveries: int
    since: float


@dataclass
class _Joined:
    source: str
    stream: str
    done: set[str]
    """After the group was lost: what was acknowledged before."""
    looked_back: bool = False


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
    ) -> None:
        self._lanes, self._start, self._attempts, self._take_over = lanes, start, attempts, take_over
        self._group, self._consumer = keys.reader_name("group", group), keys.reader_name("consumer", consumer)
        if start not in ("new", "beginning") or attempts < 1 or take_over < 1:
            raise ConfigurationError("start is 'new' or 'beginning', attempts 1 or more, take_over 1 s or more")
        self._names = None if sources is None else [keys.instance_id(name) for name in sources]
        self._kind = kinds.signals(lanes)
        self._joined: dict[str, _Joined] = {}
        self._queue: deque[_Pending] = deque()
        self._again: list[tuple[float, int, _Pending]] = []
        self._numbers = itertools.count()
        self._round_at = 0.0
        self._started = self._outage = False
        self._pause = 0.1

    def next(self, most: float) -> Steps[Delivery[N] | None]:
        """The next signal, or None if there is none within about `most` seconds."""
        try:
            delivery = yield from self._next(most)
        except Unreachable as error:
            if not self._outage:
                log.warning("%s; trying again", error)
            self._outage = True
            for joined in self._joined.values():
                joined.looked_back = False  # what was on its way was given to this worker, which did not see it
            yield Pause(min(self._pause, max(most, 0.01)))
            self._pause = min(self._pause * 2, 5.0)
            return None
        self._outage, self._pause = False, 0.1
        return delivery

    def _next(self, most: float) -> Steps[Delivery[N] | None]:
        now = time.monotonic()
        if now >= self._round_at:
            yield from self._join()
            yield from self._claim()
            yield from self._advance()
            self._round_at = now + ROUND
        while self._again and self._again[0][0] <= now:
            self._queue.append(heapq.heappop(self._again)[2])
        if not self._queue:
            yield from self._fetch(most)
        while self._queue:
            delivery = yield from self._hand_out(self._queue.popleft())
            if delivery is not None:
                return delivery
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
        reply = (yield from servers.ask([(noted, ("ZSCORE", noted, _MARK))]))[0]
        mark = servers.good(reply)
        done: set[str] = set()
        start = "$" if new else "0"
        if mark is not None:
            start = f"{max(int(float(mark)) - 1, 0)}-{_STARTED_BELOW}"
            names = (yield from servers.ask([(noted, ("ZRANGEBYSCORE", noted, int(float(mark)), "+inf", "LIMIT", 0, _MOST))]))[0]
            done = {name.decode() for name in servers.good(names)}
        made = (yield from servers.ask([(stream, ("XGROUP", "CREATE", stream, self._group, start))]))[0]
        if isinstance(made, ResponseError) and "requires the key to exist" in str(made):
            return
        if isinstance(made, ResponseError) and "BUSYGROUP" in str(made):
            done = set()
        else:
            servers.good(made)
            if mark is None:
                first = (yield from server_time(servers, stream)) if new else 0
                commands: list[Keyed] = [(noted, ("ZADD", noted, "NX", first, _MARK)), (noted, ("PEXPIRE", noted, _LIFE_MS))]
                for reply in (yield from servers.ask(commands)):
                    servers.good(reply)
        self._joined[stream] = _Joined(source, stream, done)

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
                yield from self._take_in(self._joined[name.decode()], entries, bool(back))
        for one in back:
            one.looked_back = True
        if not got and not wait and block > 0 and not back:
            yield Pause(min(POLL, block))

    def _take_in(self, joined: _Joined, entries: list[Any], counted: bool) -> Steps[None]:
        """Queues entries. Of those that were handed out before, the server knows how often."""
        known = {pending.id for pending in (*self._queue, *(one[2] for one in self._again)) if pending.stream == joined.stream}
        fresh = [(id.decode(), pairs) for id, pairs in entries if id.decode() not in known]
        counts = [1] * len(fresh)
        if counted and fresh:
            questions: list[Keyed] = [(joined.stream, ("XPENDING", joined.stream, self._group, id, id, 1)) for id, _ in fresh]
            replies = yield from ask_all(self._lanes.rtss, questions)
            counts = [reply[0][3] if isinstance(reply, list) and reply else 1 for reply in replies]
        for (id, pairs), count in zip(fresh, counts):
            if pairs is None:  # it was deleted while it was pending
                log.warning("%s %s was deleted before this worker acknowledged it", joined.stream, id)
                yield from self._lanes.rtss.ask([(joined.stream, ("XACK", joined.stream, self._group, id))])
                continue
            self._queue.append(_Pending(joined.source, joined.stream, id, of_pairs(pairs), count, time.monotonic()))

    def _claim(self) -> Steps[None]:
        """Takes over what workers that are silent were given."""
        idle, joined = int(self._take_over * 1000), list(self._joined.values())
        claim: Command = (self._group, self._consumer, idle, "0-0", "COUNT", PREFETCH)
        replies = yield from ask_all(self._lanes.rtss, [(one.stream, ("XAUTOCLAIM", one.stream, *claim)) for one in joined])
        for one, reply in zip(joined, replies):
            if _is_lost(reply):
                self._rejoin()
                return
            yield from self._take_in(one, self._lanes.rtss.good(reply)[1], True)

    def _rejoin(self) -> None:
        log.warning("group %s was lost on a stream; it continues after what it acknowledged", self._group)
        self._joined.clear()
        self._round_at = 0.0

    # Handing out

    def _hand_out(self, pending: _Pending) -> Steps[Delivery[N] | None]:
        now = time.monotonic()
        if now - pending.since > self._take_over / 3:
            # It waited here for long: another worker may have it, and must not take it now.
            claim: Command = ("XCLAIM", pending.stream, self._group, self._consumer, 0, pending.id, "IDLE", 0, "JUSTID")
            mine = yield from self._lanes.rtss.ask([(pending.stream, claim)])
            if not self._lanes.rtss.good(mine[0]):
                return None
            pending.since = now
        try:
            signal = self._lanes.decoder.signal(pending.source, pending.id, pending.entry)
        except Unreadable as error:
            self._lanes.told(f"{pending.stream} {pending.id}", error)
            yield from self._bury(pending, str(error), None)
            return None
        joined = self._joined.get(pending.stream)
        delivery = Delivery(signal, pending.source, pending.stream, pending.id, pending.deliveries, pending.entry)
        if joined is not None and f"{signal.producer}-{signal.sequence}" in joined.done:
            yield from self.acknowledge(delivery)
            return None
        return delivery

    def acknowledge(self, delivery: Delivery[N]) -> Steps[None]:
        """Says that a signal was acted on: it does not come again, even if the server loses the group."""
        yield from self._lanes.rtss.transact(delivery.stream, self._acknowledgement(delivery.source, delivery.id, delivery.signal))

    def _acknowledgement(self, source: str, id: str, signal: Signal[N] | None) -> list[Command]:
        noted, stream = self._noted(source), self._kind.key_of(source)
        commands: list[Command] = [("XACK", stream, self._group, id)]
        if signal is not None:
            name = f"{signal.producer}-{signal.sequence}"
            commands += [("ZADD", noted, int(id.split("-")[0]), name), ("PEXPIRE", noted, _LIFE_MS)]
        return commands

    def failed(self, delivery: Delivery[N], error: str) -> Steps[None]:
        """Says that acting on a signal failed: it comes again after a while, or goes to the dead letters."""
        pending = _Pending(delivery.source, delivery.stream, delivery.id, delivery.entry, delivery.deliveries, time.monotonic())
        if delivery.deliveries >= self._attempts:
            yield from self._bury(pending, error, delivery.signal)
            return
        pause = min(2.0 ** (delivery.deliveries - 1), _LONGEST_PAUSE)
        claim: Command = ("XCLAIM", pending.stream, self._group, self._consumer, 0, pending.id, "IDLE", 0)
        again = yield from self._lanes.rtss.ask([(pending.stream, claim)])
        if self._lanes.rtss.good(again[0]):
            pending.deliveries += 1
            heapq.heappush(self._again, (time.monotonic() + pause, next(self._numbers), pending))

    def _bury(self, pending: _Pending, error: str, signal: Signal[N] | None) -> Steps[None]:
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
        yield from servers.transact(pending.stream, [letter, *self._acknowledgement(pending.source, pending.id, signal)], once=True)
        log.error("%s %s is a dead letter: %s", pending.stream, pending.id, error)

    # Notes

    def _advance(self) -> Steps[None]:
        """Moves each mark to where everything is acknowledged, and forgets names long before it."""
        servers, asked = self._lanes.rtss, list[Keyed]()
        for joined in self._joined.values():
            noted = self._noted(joined.source)
            asked.append((noted, ("XPENDING", joined.stream, self._group)))
            asked.append((noted, ("XINFO", "GROUPS", joined.stream)))
            asked.append((noted, ("ZRANGE", noted, -_KEPT, -_KEPT, "WITHSCORES")))
        replies = yield from ask_all(servers, asked)
        commands: list[Keyed] = []
        for (noted, _), pending, groups, oldest in zip(asked[::3], replies[::3], replies[1::3], replies[2::3]):
            if any(isinstance(reply, ResponseError) for reply in (pending, groups, oldest)):
                continue
            delivered = [of_pairs(group) for group in groups]
            low = pending[1] or next((g[b"last-delivered-id"] for g in delivered if g[b"name"] == self._group.encode()), None)
            if low:
                milliseconds = int(low.split(b"-")[0])
                commands.append((noted, ("ZADD", noted, "XX", "GT", milliseconds, _MARK)))
                if oldest:
                    commands.append((noted, ("ZREMRANGEBYSCORE", noted, "-inf", f"({min(int(float(oldest[1])), milliseconds)}")))
        yield from ask_all(servers, commands)


def _is_lost(reply: Any) -> bool:
    return isinstance(reply, ResponseError) and "NOGROUP" in str(reply)
