"""What is read: frozen dataclasses with real types. Times are aware datetimes in UTC; None means unknown or none.

`N` is the type of prices, volumes and money: float, or Decimal if the fleet was made with `numbers=Decimal`. Volumes are in
lots, prices in the symbol's price, money in the account's currency.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Generic, TypeVar

from .words import (
    AccountKind,
    Action,
    DealEntry,
    DealKind,
    Following,
    HaltLevel,
    Happened,
    OrderKind,
    Outcome,
    PositionState,
    Pressure,
    Side,
    SignalEvent,
)

N = TypeVar("N", bound="float | Decimal")


@dataclass(frozen=True, slots=True)
class Instance(Generic[N]):
    """The latest state of a terminal and its account."""

    instance: str
    producer: str
    sequence: int
    time: datetime
    """When this was true, by the terminal's clock."""
    server_offset: timedelta
    """The broker's clock minus UTC."""
    login: int
    server: str
    company: str
    currency: str
    account: AccountKind
    balance: N
    equity: N
    margin: N
    """In use."""
    margin_free: N
    margin_level: N | None
    """Percent; None without positions."""
    profit: N
    """Floating."""
    credit: N
    leverage: int
    """100 means 1:100."""
    connected: bool
    """To the trade server."""
    terminal_trade: bool
    """The terminal allows automated trading."""
    expert_trade: bool
    account_trade: bool
    account_expert: bool
    hedging: bool
    """Several positions of a symbol; else the account nets."""
    virtual_hosting: bool
    ping: timedelta
    positions: int
    """Open ones."""
    orders: int
    """Pending ones."""
    build: int
    """Of the terminal."""
    interval: timedelta | None
    """Between two heartbeats."""
    trades_waiting: int
    """Records accepted and not yet in Redis."""
    signals_waiting: int
    refused: int
    """Calls, since the library's start."""
    agent: str
    """The Expert Advisor, name and version."""
    pressure: Pressure
    trades_accepted: int
    """Records, ever."""
    signals_accepted: int
    trade_latency: timedelta
    """How long commits take."""
    signal_latency: timedelta
    following: Following
    clock_ahead: timedelta
    """The terminal's clock minus the Redis server's."""
    halted: HaltLevel
    """The operator's halt that it obeys."""
    journal_percent: int
    """How much of the journal's limit is pending."""


@dataclass(frozen=True, slots=True)
class Position(Generic[N]):
    """The state of a position. Of one that is gone, what was known before."""

    instance: str
    position: int
    """`POSITION_IDENTIFIER`."""
    producer: str
    sequence: int
    time: datetime
    """When this was true, by the terminal's clock."""
    server_offset: timedelta
    event: Happened
    state: PositionState
    symbol: str
    side: Side
    volume: N
    """Open now, lots."""
    volume_closed: N
    """Lots."""
    price_open: N
    """Average entry."""
    price_current: N
    price_close: N | None
    """Average exit."""
    stop_loss: N | None
    take_profit: N | None
    profit: N
    """Floating while open, realised when closed."""
    swap: N
    commission: N
    """With fees."""
    magic: int
    ticket: int
    opened: datetime | None
    closed: datetime | None
    digits: int
    """Of the symbol's price."""
    comment: str


@dataclass(frozen=True, slots=True)
class PositionEvent(Generic[N]):
    """A position was opened, changed or closed: its whole state after that."""

    id: str
    """The entry's id in the stream."""
    previous: int
    """The number of the producer's previous entry in the stream; 0: none is known."""
    position: Position[N]

    @property
    def instance(self) -> str:
        return self.position.instance

    @property
    def producer(self) -> str:
        return self.position.producer

    @property
    def sequence(self) -> int:
        return self.position.sequence

    @property
    def time(self) -> datetime:
        return self.position.time

    @property
    def event(self) -> Happened:
        return self.position.event


@dataclass(frozen=True, slots=True)
class PositionGone:
    """A position that was open is not listed any more, and nobody published its deals."""

    instance: str
    id: str
    producer: str
    sequence: int
    time: datetime
    """When it was found missing."""
    event: Happened
    state: PositionState
    closed: datetime | None
    position: int
    previous: int


@dataclass(frozen=True, slots=True)
class Deal(Generic[N]):
    """A deal with its own numbers. A day's profit is the sum of profit, swap and commission of its deals whose kind is buy,
    sell or other."""

    instance: str
    id: str
    producer: str
    sequence: int
    time: datetime
    """When it was executed."""
    server_offset: timedelta
    position: int
    """0: none."""
    previous: int
    deal: int
    """Its ticket."""
    order: int
    """Ticket; 0: none."""
    kind: DealKind
    entry: DealEntry
    symbol: str
    """Empty: none."""
    volume: N
    price: N
    profit: N
    """Of this deal alone, as the next two."""
    swap: N
    commission: N
    magic: int
    digits: int
    comment: str


@dataclass(frozen=True, slots=True)
class Equity:
    """A sample of an account, rounded to at most 1/52,000 of its largest value (1/1,600 with credit)."""

    instance: str
    time: datetime
    """The minute or hour in which it was taken."""
    balance: float
    profit: float
    """Floating."""
    margin: float
    """In use."""
    credit: float

    @property
    def equity(self) -> float:
        return self.balance + self.profit + self.credit


@dataclass(frozen=True, slots=True)
class Signal(Generic[N]):
    """A trade signal."""

    id: str
    """The entry's id in the stream: the server's clock in ms, and a number."""
    producer: str
    sequence: int
    time: datetime
    """When it was given, by the terminal's clock."""
    server_offset: timedelta
    source: str
    """The instance that gave it, as the key says."""
    action: Action
    symbol: str
    volume: N
    """Lots; in a close 0 means all."""
    price: N | None
    """When it was given; None: market."""
    stop_loss: N | None
    take_profit: N | None
    magic: int
    position: int
    """The one meant by close and modify; 0: all of this symbol and magic. Of a pending order its ticket."""
    expires: datetime | None
    """Nobody should act on it later; None: the reader decides."""
    comment: str
    previous: int
    """The number of the previous signal of this source and producer; 0: none is known."""
    event: SignalEvent | None
    """What happened; None: the signal does not say, and neither do the fields that follow."""
    volume_before: N | None
    """Of the position or the pending order, lots."""
    volume_after: N | None
    entry_price: N | None
    """Average entry of the position now; the limit price of a stop-limit order."""
    side: Side | None
    """Of the position now, or of the order."""
    order_kind: OrderKind | None
    """None: it is about a position."""
    found: bool | None
    """It was found by comparing, so it happened while nobody watched."""
    retried: bool = False
    """It was among the dead letters, and may have been read before."""

    @property
    def key(self) -> str:
        """The idempotency key: the same for every copy of this signal, and different from every other's."""
        return f"{self.source}+{self.producer}-{self.sequence}"


@dataclass(frozen=True, slots=True)
class Report(Generic[N]):
    """An execution report: what a follower did with a signal."""

    id: str
    producer: str
    """The follower's."""
    sequence: int
    time: datetime
    """When the outcome was known."""
    server_offset: timedelta
    follower: str
    """The instance, as the key says."""
    source: str
    """Of the signal, as the next two."""
    signal_producer: str
    signal_sequence: int
    signal_time: datetime | None
    action: Action
    outcome: Outcome
    retcode: int
    """The trade server's last answer, `TRADE_RETCODE_*`; 0: it was not asked."""
    reason: str
    symbol: str
    """The follower's; empty: it has none."""
    volume_wanted: N
    """Lots; 0: none or unknown."""
    volume_done: N
    price_wanted: N | None
    price_filled: N | None
    slippage: N
    """Points; above 0 the filled price is worse for the follower."""
    latency: timedelta | None
    """From the signal to the fill; None: nothing was filled."""
    magic: int
    position: int
    """The follower's; 0: none, or several."""
    order: int
    """Ticket; 0: none or unknown."""
    deal: int
    """Ticket; 0: none or unknown."""
    digits: int
    previous: int

    @property
    def signal_key(self) -> str:
        """The `key` of the signal."""
        return f"{self.source}+{self.signal_producer}-{self.signal_sequence}"


@dataclass(frozen=True, slots=True)
class Halt:
    """An operator's order to open no more positions; or, with level none, the end of one."""

    level: HaltLevel
    who: str
    why: str
    instance: str | None
    """None: all instances."""


@dataclass(frozen=True, slots=True)
class Obedience:
    """Which instances that are alive obey a halt, or its end."""

    obeying: frozenset[str]
    others: frozenset[str]

    def __bool__(self) -> bool:
        return not self.others


@dataclass(frozen=True, slots=True)
class Gap:
    """Records of one stream are missing before the next item: they were deleted before this reader read them, or before the workers
    acknowledged them."""

    stream: str
    """The Redis key."""
    instance: str
    """The source, the follower, or the instance of the events."""
    producer: str
    after: int
    """The number of the last record seen; 0: none."""
    until: int
    """The number of the last record missing. A terminal numbers the records of its instances together, so the difference is
    an upper bound."""
    deleted: int = 0
    """Above 0: so many signals were handed to workers and deleted before they were acknowledged. Their numbers are unknown."""

    def __str__(self) -> str:
        if self.deleted:
            return f"{self.stream}: {self.deleted} signals were deleted before a worker acknowledged them"
        return f"{self.stream}: records after number {self.after} up to {self.until} of producer {self.producer} are missing"
