"""What a group of workers acknowledged of a source's signals, stored outside the group: `sa:{k}:I:G`, as `mt5fleet work` has it.

A server can lose a group and keep its stream. The score of the member `@` says up to when everything was acknowledged. The other
members are the signals after that, and a few before it, which show a worker what the others did.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from redis import ResponseError

from .decoding import of_pairs
from .errors import Unreadable
from .sequences import Mark
from .servers import Keyed, Servers
from .states import ask_all, server_time
from .steps import Command, Steps

MARK = "@"
_KEPT, _LIFE_MS, _MOST = 64, 35 * 86_400_000, 100_000
_NEIGHBOURS = 16
"""Entries before a signal among which its predecessor is looked for."""
_STARTED_BELOW = 2**64 - 1


def name_of(mark: Mark) -> str:
    """The member that stands for a signal."""
    return f"{mark.producer}-{mark.sequence}"


def note(noted: str, id: str, name: str) -> list[Command]:
    """The commands that store an acknowledged signal."""
    return [("ZADD", noted, int(id.split("-")[0]), name), ("PEXPIRE", noted, _LIFE_MS)]


def since_mark(servers: Servers, noted: str) -> Steps[tuple[str | None, list[str]]]:
    """Where a group that a server lost goes on, and what was acknowledged from there on; None: it never was."""
    mark = servers.good((yield from servers.ask([(noted, ("ZSCORE", noted, MARK))]))[0])
    if mark is None:
        return None, []
    score = int(float(mark))
    names = (yield from servers.ask([(noted, ("ZRANGEBYSCORE", noted, score, "+inf", "LIMIT", 0, _MOST))]))[0]
    return f"{max(score - 1, 0)}-{_STARTED_BELOW}", [name.decode() for name in servers.good(names)]


def first_mark(servers: Servers, noted: str, stream: str, is_new: bool) -> Steps[None]:
    """Sets the mark of a group that has none: now, or the beginning."""
    score = (yield from server_time(servers, stream)) if is_new else 0
    commands: list[Keyed] = [(noted, ("ZADD", noted, "NX", score, MARK)), (noted, ("PEXPIRE", noted, _LIFE_MS))]
    for reply in (yield from servers.ask(commands)):
        servers.good(reply)


def advance(servers: Servers, group: str, streams: Sequence[tuple[str, str]]) -> Steps[None]:
    """Moves the mark of each stream to where everything is acknowledged, and forgets names long before it. A stream comes with the
    key of its notes."""
    asked: list[Keyed] = []
    for stream, noted in streams:
        asked.append((noted, ("XPENDING", stream, group)))
        asked.append((noted, ("XINFO", "GROUPS", stream)))
        asked.append((noted, ("ZRANGE", noted, -_KEPT, -_KEPT, "WITHSCORES")))
    replies = yield from ask_all(servers, asked)
    commands: list[Keyed] = []
    for (_, noted), pending, groups, oldest in zip(streams, replies[::3], replies[1::3], replies[2::3]):
        if any(isinstance(reply, ResponseError) for reply in (pending, groups, oldest)):
            continue
        delivered = [of_pairs(one) for one in groups]
        low = pending[1] or next((one[b"last-delivered-id"] for one in delivered if one[b"name"] == group.encode()), None)
        if low:
            milliseconds = int(low.split(b"-")[0])
            commands.append((noted, ("ZADD", noted, "XX", "GT", milliseconds, MARK)))
            if oldest:
                commands.append((noted, ("ZREMRANGEBYSCORE", noted, "-inf", f"({min(int(float(oldest[1])), milliseconds)}")))
    yield from ask_all(servers, commands)


Question = tuple[str, str, str, Mark]
"""Of a signal that a worker cannot judge: stream, notes, the entry's id, and its numbers."""


def predecessors_given(
    servers: Servers, decode: Callable[[str, str, dict[bytes, bytes]], Mark], questions: Sequence[Question]
) -> Steps[list[bool]]:
    """Whether somebody of the group was given the signal before each of these: it was acknowledged, or stands before it."""
    asked: list[Keyed] = []
    for stream, noted, id, mark in questions:
        asked.append((stream, ("ZSCORE", noted, f"{mark.producer}-{mark.previous}")))
        asked.append((stream, ("XREVRANGE", stream, f"({id}", "-", "COUNT", _NEIGHBOURS)))
    replies = [servers.good(reply) for reply in (yield from ask_all(servers, asked))]

    def stands_before(question: Question, entries: list[Any]) -> bool:
        stream, _, _, mark = question
        for id, pairs in entries:
            try:
                one = decode(stream, id.decode(), of_pairs(pairs))
            except Unreadable:
                continue
            if (one.producer, one.sequence) == (mark.producer, mark.previous):
                return True
        return False

    return [score is not None or stands_before(one, entries) for one, score, entries in zip(questions, replies[::2], replies[1::2])]
