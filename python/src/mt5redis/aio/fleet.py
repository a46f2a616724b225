"""The fleet, for asyncio."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, overload

from .. import frames, halting, kinds, states
from ..configuration import Configuration
from ..endpoint import DEFAULT_URL
from ..fleet import Cursor, Names, consumer_name, lanes_of
from ..groups import Working
from ..kinds import Event
from ..reading import Reading, Start
from ..records import Equity, Gap, Halt, Instance, N, Obedience, Position, Report, Signal
from ..words import HaltLevel
from .connections import Connections
from .readers import Reader
from .workers import Task, Worker

if TYPE_CHECKING:
    import pandas


class Fleet(Generic[N]):
    """All terminals of a site, as Redis has them. See `mt5redis.Fleet`."""

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
    def from_url(url: str = DEFAULT_URL, *, numbers: Any = float) -> Fleet[Any]:
        """All three lanes at one server, Sentinel group or Cluster."""
        return Fleet(Configuration.of_url(url), numbers)

    @overload
    @staticmethod
    def from_toml(path: str | Path) -> Fleet[float]: ...
    @overload
    @staticmethod
    def from_toml(path: str | Path, *, numbers: type[N]) -> Fleet[N]: ...
    @staticmethod
    def from_toml(path: str | Path, *, numbers: Any = float) -> Fleet[Any]:
        """The terminals' configuration file."""
        return Fleet(Configuration.of_file(path), numbers)

    @property
    def configuration(self) -> Configuration:
        """Where the lanes are."""
        return self._lanes.configuration

    @property
    def unreadable(self) -> int:
        """How many records could not be read so far."""
        return self._lanes.unreadable

    async def known(self) -> dict[str, datetime]:
        """Every instance there ever was, and when its last heartbeat was."""
        return await self._connections.run(states.known(self._lanes))

    async def instances(self, only: Names = None) -> list[Instance[N]]:
        """The instances that are alive."""
        return await self._connections.run(states.instances(self._lanes, only))

    async def instance(self, instance: str) -> Instance[N] | None:
        """One instance; None: it is not alive."""
        found = await self.instances([instance])
        return found[0] if found else None

    async def positions(self, instances: Names = None) -> list[Position[N]]:
        """The open positions."""
        return await self._connections.run(states.positions(self._lanes, instances))

    async def closed(
        self, instances: Names = None, *, since: datetime | None = None, until: datetime | None = None
    ) -> list[Position[N]]:
        """The closed positions, by close time."""
        return await self._connections.run(states.closed(self._lanes, instances, since, until))

    async def equity(self, instances: Names = None) -> list[Equity]:
        """Balance, profit, margin and credit, over time."""
        return await self._connections.run(states.history(self._lanes, instances))

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
        """What happens to positions."""
        return Reader(Reading(self._lanes, kinds.events(self._lanes), instances, start, cursor, gaps, follow), self._connections)

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
        """The signals of these sources, or of all."""
        return Reader(Reading(self._lanes, kinds.signals(self._lanes), sources, start, cursor, gaps, follow), self._connections)

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
        """What followers did with signals."""
        return Reader(Reading(self._lanes, kinds.reports(self._lanes), followers, start, cursor, gaps, follow), self._connections)

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
        """A worker of a consumer group."""
        working = Working(self._lanes, group, consumer_name(consumer), sources, start, attempts, take_over, gaps)
        return Worker(working, self._connections)

    async def halt(
        self, why: str, *, instance: str | None = None, flatten: bool = False, who: str | None = None, wait: float = 30.0
    ) -> Obedience:
        """Stops new positions until `resume`."""
        level = HaltLevel.ALL if flatten else HaltLevel.ENTRIES
        return await self._connections.run(halting.write(self._lanes, halting.order(level, instance, who, why), wait))

    async def resume(
        self, why: str = "resumed", *, instance: str | None = None, who: str | None = None, wait: float = 30.0
    ) -> Obedience:
        """Ends a halt."""
        order = halting.order(HaltLevel.NONE, instance, who, why)
        return await self._connections.run(halting.write(self._lanes, order, wait))

    async def halts(self, instances: Sequence[str] = ()) -> dict[str | None, Halt]:
        """The orders in Redis."""
        return await self._connections.run(halting.halts(self._lanes, list(instances)))

    async def to_pandas(
        self, what: frames.What = "positions", only: Names = None, *, since: datetime | None = None
    ) -> pandas.DataFrame:
        """A table."""
        return frames.to_pandas(await self._records(frames.checked(what), None if only is None else list(only), since), what)

    async def _records(self, what: str, only: list[str] | None, since: datetime | None) -> Sequence[Any]:
        if what == "instances":
            return await self.instances(only)
        if what == "positions":
            return await self.positions(only)
        if what == "closed":
            return await self.closed(only, since=since)
        if what == "equity":
            return [sample for sample in await self.equity(only) if since is None or sample.time >= since]
        start: Start = "beginning" if since is None else since
        if what == "signals":
            return [one async for one in self.signals(only, start=start, gaps="yield", follow=False)]
        if what == "reports":
            return [one async for one in self.reports(only, start=start, gaps="yield", follow=False)]
        return [one async for one in self.events(only, start=start, gaps="yield", follow=False)]

    async def close(self) -> None:
        """Closes the connections."""
        await self._connections.close()

    async def __aenter__(self) -> Fleet[N]:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
