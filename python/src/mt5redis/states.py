"""Instances, positions and equity, as steps: what is asked of the servers, and what is made of the answers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from typing import Any, Generic, TypeVar

from redis import ResponseError

from . import equity, keys
from .configuration import Configuration
from .decoding import Decoder, milliseconds, moment, of_pairs
from .errors import ConfigurationError, Unreadable
from .records import Equity, Instance, N, Position
from .servers import Keyed, Servers
from .steps import Steps

log = logging.getLogger("mt5redis")
T = TypeVar("T")

AT_ONCE = 1000
"""Commands in one write."""


class Lanes(Generic[N]):
    """The servers of the three lanes, and how records are decoded. It counts what cannot be read."""

    def __init__(self, configuration: Configuration, numbers: type[N]) -> None:
        self.configuration = configuration
        self.decoder = Decoder(numbers)
        self.ris = Servers("ris", configuration.ris)
        self.rts = Servers("rts", configuration.rts)
        self.rtss = Servers("rtss", configuration.rtss)
        self.unreadable = 0

    def told(self, key: str, error: Exception) -> None:
        """Logs a record that cannot be read, and counts it. One terminal's damaged record hides nothing of the others."""
        self.unreadable += 1
        log.warning("%s is left out: %s", key, error)

    def read(self, key: str, decode: Callable[..., T], *arguments: Any) -> T | None:
        """What `decode` makes of the arguments, or None and a warning."""
        try:
            return decode(*arguments)
        except Unreadable as error:
            self.told(key, error)
            return None


def ask_all(servers: Servers, commands: Sequence[Keyed]) -> Steps[list[Any]]:
    """The replies to any number of commands, a bounded number of them on the way at a time."""
    replies: list[Any] = []
    for at in range(0, len(commands), AT_ONCE):
        replies += yield from servers.ask(commands[at : at + AT_ONCE])
    return replies


def _hash(lanes: Lanes[Any], servers: Servers, key: str, reply: Any) -> dict[bytes, bytes] | None:
    """The fields of a hash; None if there is none, or another client put something else there."""
    if isinstance(reply, ResponseError) and "WRONGTYPE" in str(reply):
        lanes.told(key, reply)
        return None
    return of_pairs(servers.good(reply)) or None


def known(lanes: Lanes[N]) -> Steps[dict[str, datetime]]:
    """Every instance there ever was, and when its last heartbeat was."""
    reply = lanes.ris.good(
        (yield from lanes.ris.ask([(keys.INSTANCE_LIST, ("ZRANGE", keys.INSTANCE_LIST, 0, -1, "WITHSCORES"))]))[0]
    )
    found = {}
    for name, score in zip(reply[::2], reply[1::2]):
        instance = name.decode(errors="replace")
        if keys.is_instance(instance):
            found[instance] = moment(float(score))
    return found


def _names(lanes: Lanes[N], only: Iterable[str] | None) -> Steps[list[str]]:
    if only is None:
        found = yield from known(lanes)
        return sorted(found)
    if isinstance(only, str):
        raise ConfigurationError(f"{only!r} is one text: pass a list of instance ids")
    return [keys.instance_id(name) for name in only]


def instances(lanes: Lanes[N], only: Iterable[str] | None) -> Steps[list[Instance[N]]]:
    """The instances that are alive, of these or of all."""
    names = yield from _names(lanes, only)
    asked: list[Keyed] = [(keys.state(name), ("HGETALL", keys.state(name))) for name in names]
    alive = []
    for name, reply in zip(names, (yield from ask_all(lanes.ris, asked))):
        entry = _hash(lanes, lanes.ris, keys.state(name), reply)
        if entry:
            state = lanes.read(keys.state(name), lanes.decoder.instance, name, entry)
            alive += [state] if state else []
    return alive


def positions(lanes: Lanes[N], only: Iterable[str] | None) -> Steps[list[Position[N]]]:
    """The open positions, of these instances or of all that there ever were."""
    names = yield from _names(lanes, only)
    asked: list[Keyed] = [(keys.open_trades(name), ("SMEMBERS", keys.open_trades(name))) for name in names]
    listed = []
    for name, reply in zip(names, (yield from ask_all(lanes.rts, asked))):
        if isinstance(reply, ResponseError) and "WRONGTYPE" in str(reply):
            lanes.told(keys.open_trades(name), reply)
            continue
        listed += [(name, int(id)) for id in lanes.rts.good(reply) if id.isdigit()]
    return (yield from _listed(lanes, sorted(listed)))


def closed(lanes: Lanes[N], only: Iterable[str] | None, since: datetime | None, until: datetime | None) -> Steps[list[Position[N]]]:
    """The closed positions, by close time within these limits, oldest first."""
    names = yield from _names(lanes, only)
    low, high = ("-inf" if since is None else milliseconds(since)), ("+inf" if until is None else milliseconds(until))
    asked: list[Keyed] = [(keys.closed_trades(name), ("ZRANGEBYSCORE", keys.closed_trades(name), low, high)) for name in names]
    listed = []
    for name, reply in zip(names, (yield from ask_all(lanes.rts, asked))):
        if isinstance(reply, ResponseError) and "WRONGTYPE" in str(reply):
            lanes.told(keys.closed_trades(name), reply)
            continue
        listed += [(name, int(id)) for id in lanes.rts.good(reply) if id.isdigit()]
    found = yield from _listed(lanes, listed)
    return sorted(found, key=lambda position: (position.closed or position.time, position.instance, position.position))


def _listed(lanes: Lanes[N], listed: Sequence[tuple[str, int]]) -> Steps[list[Position[N]]]:
    names = [keys.trade(instance, id) for instance, id in listed]
    replies = yield from ask_all(lanes.rts, [(name, ("HGETALL", name)) for name in names])
    found = []
    for (instance, id), name, reply in zip(listed, names, replies):
        entry = _hash(lanes, lanes.rts, name, reply)
        if entry:  # else it was closed and expired meanwhile
            position = lanes.read(name, lanes.decoder.position, instance, id, entry)
            found += [position] if position else []
    return found


def history(lanes: Lanes[N], only: Iterable[str] | None) -> Steps[list[Equity]]:
    """The equity of these instances or of all, by instance and time."""
    names = yield from _names(lanes, only)
    stored = [keys.equity(name) for name in names]
    now = datetime.now(timezone.utc)
    samples: list[Equity] = []
    replies = yield from ask_all(lanes.ris, [(key, ("GET", key)) for key in stored])
    for name, key, reply in zip(names, stored, replies):
        if isinstance(reply, Exception) and "WRONGTYPE" not in str(reply):
            raise lanes.ris.refused(reply)
        if isinstance(reply, bytes):
            samples += lanes.read(key, equity.read, name, reply, now) or []
        elif reply is not None:
            lanes.told(key, reply)
    return samples


def with_stream(servers: Servers, streams: dict[str, str]) -> Steps[list[str]]:
    """The names whose key is a stream."""
    replies = yield from ask_all(servers, [(key, ("TYPE", key)) for key in streams.values()])
    kinds = [servers.good(reply) for reply in replies]
    return [name for name, kind in zip(streams, kinds) if kind in (b"stream", "stream")]


def server_time(servers: Servers, key: str) -> Steps[int]:
    """The clock of the server that has this key, ms since 1970 UTC."""
    reply = servers.good((yield from servers.ask([(key, ("TIME",))]))[0])
    return int(reply[0]) * 1000 + int(reply[1]) // 1000
