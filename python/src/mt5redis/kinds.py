"""The three kinds of streams, for `reading`: trade events, signals, execution reports."""

from __future__ import annotations

from functools import partial
from typing import Union

from . import keys
from .catalogue import Catalogue
from .reading import Kind
from .records import Deal, N, PositionEvent, PositionGone, Report, Signal
from .sequences import Mark
from .states import Lanes
from .steps import Steps
from .words import Action, Happened

Event = Union[PositionEvent[N], PositionGone, Deal[N]]
"""An entry of `te:{I}`."""


def events(lanes: Lanes[N]) -> Kind[Event[N]]:
    """`te:{I}` of each instance."""
    catalogue = Catalogue(lanes.ris, keys.INSTANCE_LIST, lanes.rts, keys.events)

    def mark(event: Event[N]) -> Mark:
        gone = event.position if isinstance(event, PositionGone) else 0
        closes = not isinstance(event, Deal) and event.event in (Happened.CLOSE, Happened.GONE)
        return Mark(event.producer, event.sequence, event.previous, gone, closes)

    return Kind(lanes.rts, keys.events, lanes.decoder.event, mark, catalogue.look)


def signals(lanes: Lanes[N]) -> Kind[Signal[N]]:
    """`ss:{k}:I` of each source."""
    shards = lanes.configuration.shards

    def key_of(source: str) -> str:
        return keys.signals(keys.shard(source, shards), source)

    def in_shard(shard: int, source: str) -> str | None:
        return keys.signals(shard, source) if keys.shard(source, shards) == shard else None

    lists = [Catalogue(lanes.rtss, keys.sources(shard), lanes.rtss, partial(in_shard, shard)) for shard in range(shards)]

    def find(known: set[str]) -> Steps[list[str]]:
        found = []
        for catalogue in lists:
            found += yield from catalogue.look(known)
        return found

    def mark(signal: Signal[N]) -> Mark:
        closes = signal.action is Action.CLOSE
        return Mark(signal.producer, signal.sequence, signal.previous, 0, closes, signal.retried)

    return Kind(lanes.rtss, key_of, lanes.decoder.signal, mark, find)


def reports(lanes: Lanes[N]) -> Kind[Report[N]]:
    """`sr:{k}:F` of each follower."""
    shards = lanes.configuration.shards

    def key_of(follower: str) -> str:
        return keys.reports(keys.shard(follower, shards), follower)

    def find(known: set[str]) -> Steps[list[str]]:
        names = [stream.split("}:", 1)[-1] for stream in (yield from lanes.rtss.scan("sr:{*}:*"))]
        return [name for name in names if keys.is_instance(name) and name not in known]

    def mark(report: Report[N]) -> Mark:
        return Mark(report.producer, report.sequence, report.previous)

    return Kind(lanes.rtss, key_of, lanes.decoder.report, mark, find)
