"""The fleet, for threads: what Redis knows of terminals, and an operator's halt. `aio` has the same for asyncio."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, overload

from . import frames, halting, kinds, states
from .configuration import Configuration
from .connections import Connections
from .errors import ConfigurationError
from .groups import Working
from .kinds import Event
from .readers import Reader
from .reading import Reading, Start
from .records import Equity, Gap, Halt, Instance, N, Obedience, Position, Report, Signal
from .states import Lanes
from .words import HaltLevel
from .workers import Task, Worker

if TYPE_CHECKING:
    import pandas

Names = Iterable[str] | None
"""Instance ids; None: all."""
Cursor = str | Path | None
"""The file in which a reader stores its place; None: it stores none."""


def lanes_of(configuration: Configuration, numbers: type[N]) -> Lanes[N]:
    """The servers of a configuration."""
    if numbers not in (float, Decimal):
        raise ConfigurationError(f"numbers = {numbers!r} is refused: pass float or Decimal")
    return Lanes(configuration, numbers)


def consumer_name(consumer: str | None) -> str:
    """A worker's name: this machine and process unless it is given."""
    return (
        consumer
        or "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in f"{socket.gethostname()}-{os.getpid()}")[-64:]
    )


class Fleet(Generic[N]):
    """All terminals of a site, as Redis has them. Any thread may use it.

    Make one with `from_url` or `from_toml`, and close it, or use it in a `with` statement. It needs a Redis user that may read
    (`mt5fleet acl --doctor`); `halt` and `resume` need the operator's (`--operator`), `worker` the worker's (`--worker`).

    A record that cannot be read is left out, counted in `unreadable`, and a warning of the logger `mt5redis`.
    """

    def __init__(self, configuration: Configuration, numbers: type[N]) -> None:
        self._lanes = lanes_of(configuration, numbers)
        self._connections = Connections("mt5redis:python")

    @overload
    @staticmethod
    def from_url(url: str = ...) -> Fleet[float]: ...
    @overload
    @staticmethod
    def from_url(url: str = ..., *, numbers: type[N]) -> Fleet[N]: ...
    @staticmethod
    def from_url(url: str = "redis://127.0.0.1:6379", *, numbers: Any = float) -> Fleet[Any]:
        """All three lanes at one server, Sentinel group or Cluster (the forms are in docs/configuration.md). `numbers`: float or
        Decimal, the type of prices, volumes and money."""
        return Fleet(Configuration.of_url(url), numbers)

    @overload
    @staticmethod
    def from_toml(path: str | Path) -> Fleet[float]: ...
    @overload
    @staticmethod
    def from_toml(path: str | Path, *, numbers: type[N]) -> Fleet[N]: ...
    @staticmethod
    def from_toml(path: str | Path, *, numbers: Any = float) -> Fleet[Any]:
        """The terminals' configuration file (docs/configuration.md). Relative paths in it start at its own folder."""
        return Fleet(Configuration.of_file(path), numbers)

    @property
    def configuration(self) -> Configuration:
        """Where the lanes are."""
        return self._lanes.configuration

    @property
    def unreadable(self) -> int:
        """How many records could not be read so far."""
        return self._lanes.unreadable

    # States

    def known(self) -> dict[str, datetime]:
        """Every instance there ever was, and when its last heartbeat was."""
        return self._connections.run(states.known(self._lanes))

    def instances(self, only: Names = None) -> list[Instance[N]]:
        """The instances that are alive."""
        return self._connections.run(states.instances(self._lanes, only))

    def instance(self, instance: str) -> Instance[N] | None:
        """One instance; None: it is not alive."""
        found = self.instances([instance])
        return found[0] if found else None

    def positions(self, instances: Names = None) -> list[Position[N]]:
        """The open positions."""
        return self._connections.run(states.positions(self._lanes, instances))

    def closed(self, instances: Names = None, *, since: datetime | None = None, until: datetime | None = None) -> list[Position[N]]:
        """The closed positions of the last 30 days (`rts.retention`), by close time. Those that are gone
        (`state`) are among them."""
        return self._connections.run(states.closed(self._lanes, instances, since, until))

    def equity(self, instances: Names = None) -> list[Equity]:
        """Balance, profit, margin and credit: one sample a minute for 48 hours, before that one an hour for a year."""
        return self._connections.run(states.history(self._lanes, instances))

    # Streams

    @overload
    def events(
        self, instances: Names = ..., *, start: Start = ..., cursor: Cursor = ..., gaps: Literal["raise"] = ..., follow: bool = ...
    ) -> Reader[Event[N]]: ...
    @overload
    def events(
        self, instances: Names = ..., *, start: Start = ..., cursor: Cursor = ..., gaps: Literal["yield"], follow: bool = ...
    ) -> Reader[Event[N] | Gap]: ...
    def events(
        self,
        instances: Names = None,
        *,
        start: Start = "new",
        cursor: Cursor = None,
        gaps: Literal["raise", "yield"] = "raise",
        follow: bool = True,
    ) -> Reader[Any]:
        """What happens to positions: `PositionEvent`, `PositionGone` and `Deal`.

        `start`: where to begin in a stream that the cursor does not know: "new", "beginning" (7 days, `rts.event_retention`), or a
        time. `cursor`: a file; a reader that is opened again with it goes on where it stopped. `gaps`: what was deleted before this
        reader read it raises `GapError`, or is an item, a `Gap`. `follow`: wait for what comes, or end.
        """
        return self._reader(Reading(self._lanes, kinds.events(self._lanes), instances, start, cursor, gaps, follow))

    @overload
    def signals(
        self, sources: Names = ..., *, start: Start = ..., cursor: Cursor = ..., gaps: Literal["raise"] = ..., follow: bool = ...
    ) -> Reader[Signal[N]]: ...
    @overload
    def signals(
        self, sources: Names = ..., *, start: Start = ..., cursor: Cursor = ..., gaps: Literal["yield"], follow: bool = ...
    ) -> Reader[Signal[N] | Gap]: ...
    def signals(
        self,
        sources: Names = None,
        *,
        start: Start = "new",
        cursor: Cursor = None,
        gaps: Literal["raise", "yield"] = "raise",
        follow: bool = True,
    ) -> Reader[Any]:
        """The signals of these sources, or of all. The other parameters are those of `events`; signals are kept for 1 hour
        (`rtss.retention`)."""
        return self._reader(Reading(self._lanes, kinds.signals(self._lanes), sources, start, cursor, gaps, follow))

    @overload
    def reports(
        self, followers: Names = ..., *, start: Start = ..., cursor: Cursor = ..., gaps: Literal["raise"] = ..., follow: bool = ...
    ) -> Reader[Report[N]]: ...
    @overload
    def reports(
        self, followers: Names = ..., *, start: Start = ..., cursor: Cursor = ..., gaps: Literal["yield"], follow: bool = ...
    ) -> Reader[Report[N] | Gap]: ...
    def reports(
        self,
        followers: Names = None,
        *,
        start: Start = "new",
        cursor: Cursor = None,
        gaps: Literal["raise", "yield"] = "raise",
        follow: bool = True,
    ) -> Reader[Any]:
        """What followers did with signals, of these followers or of all; the latter asks `SCAN`. A signal that is reported again
        has the same `follower` and `signal_key`. The other parameters are those of `events`; reports are kept for 7 days
        (`rtss.report_retention`)."""
        return self._reader(Reading(self._lanes, kinds.reports(self._lanes), followers, start, cursor, gaps, follow))

    def _reader(self, reading: Reading[Any]) -> Reader[Any]:
        return Reader(reading, self._connections)

    @overload
    def worker(
        self,
        group: str,
        consumer: str | None = ...,
        *,
        sources: Names = ...,
        start: Literal["new", "beginning"] = ...,
        attempts: int = ...,
        take_over: float = ...,
        gaps: Literal["raise"] = ...,
    ) -> Worker[Task[N]]: ...
    @overload
    def worker(
        self,
        group: str,
        consumer: str | None = ...,
        *,
        sources: Names = ...,
        start: Literal["new", "beginning"] = ...,
        attempts: int = ...,
        take_over: float = ...,
        gaps: Literal["yield"],
    ) -> Worker[Task[N] | Gap]: ...
    def worker(
        self,
        group: str,
        consumer: str | None = None,
        *,
        sources: Names = None,
        start: Literal["new", "beginning"] = "beginning",
        attempts: int = 5,
        take_over: float = 30.0,
        gaps: Literal["raise", "yield"] = "raise",
    ) -> Worker[Any]:
        """A worker of a consumer group, which shares the signals of these sources, or of all, with the group's other workers.

        `consumer`: this worker's name, the same after a restart and different from every other worker's; by default the machine
        and the process. `start`: where a new group begins. `attempts`: after so many a signal goes to the dead letters.
        `take_over`: a worker that works longer than so many seconds on a signal, or is silent, loses it to another one.
        `gaps`: signals that were deleted before the group was given or acknowledged them raise `GapError`, or are an item, a `Gap`.
        """
        working = Working(self._lanes, group, consumer_name(consumer), sources, start, attempts, take_over, gaps)
        return Worker(working, self._connections)

    # Halt

    def halt(
        self, why: str, *, instance: str | None = None, flatten: bool = False, who: str | None = None, wait: float = 30.0
    ) -> Obedience:
        """Stops new positions, of one instance or of all, until `resume`; with `flatten` followers close their copies too. It
        waits up to `wait` seconds until all instances that are alive obey, and returns who does: true if all do. The halt stays
        in any case. `who`: by default the login user."""
        level = HaltLevel.ALL if flatten else HaltLevel.ENTRIES
        return self._connections.run(halting.write(self._lanes, halting.order(level, instance, who, why), wait))

    def resume(self, why: str = "resumed", *, instance: str | None = None, who: str | None = None, wait: float = 30.0) -> Obedience:
        """Ends the halt of one instance, or the one for all. The other key, if it halts, still does."""
        return self._connections.run(halting.write(self._lanes, halting.order(HaltLevel.NONE, instance, who, why), wait))

    def halts(self, instances: Sequence[str] = ()) -> dict[str | None, Halt]:
        """The orders in Redis: for all under None, and for each of these instances. Level none says that an earlier one ended."""
        return self._connections.run(halting.halts(self._lanes, list(instances)))

    # pandas

    def to_pandas(self, what: frames.What = "positions", only: Names = None, *, since: datetime | None = None) -> pandas.DataFrame:
        """A table: "positions" (open ones), "closed", "instances", "events", "deals", "signals", "reports" or "equity". `only`:
        these instances, sources or followers. `since`: where streams and closed positions begin; by default with the oldest. Gaps
        are warnings, and the list `attrs["gaps"]` of the table."""
        return frames.to_pandas(self._records(frames.checked(what), None if only is None else list(only), since), what)

    def _records(self, what: str, only: list[str] | None, since: datetime | None) -> Sequence[Any]:
        if what == "instances":
            return self.instances(only)
        if what == "positions":
            return self.positions(only)
        if what == "closed":
            return self.closed(only, since=since)
        if what == "equity":
            return [sample for sample in self.equity(only) if since is None or sample.time >= since]
        start: Start = "beginning" if since is None else since
        if what == "signals":
            return [one for one in self.signals(only, start=start, gaps="yield", follow=False)]
        if what == "reports":
            return [one for one in self.reports(only, start=start, gaps="yield", follow=False)]
        return [one for one in self.events(only, start=start, gaps="yield", follow=False)]

    def close(self) -> None:
        """Closes the connections."""
        self._connections.close()

    def __enter__(self) -> Fleet[N]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
