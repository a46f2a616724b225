"""Words with few choices: what a field of a record may say."""

from __future__ import annotations

from enum import Enum


class Word(str, Enum):
    """A word with few choices; it equals its text."""

    def __str__(self) -> str:
        return str(self.value)


class AccountKind(Word):
    """Whose money an account has."""

    DEMO = "demo"
    CONTEST = "contest"
    REAL = "real"


class Pressure(Word):
    """How hard it is to write, as the terminal sees it."""

    NORMAL = "normal"
    SLOW = "slow"
    HEAVY = "heavy"
    CRITICAL = "critical"


class Following(Word):
    """What a terminal's followers do."""

    NOTHING = "nothing"
    ACTS = "acts"
    STANDS_BY = "stands by"


class HaltLevel(Word):
    """What an operator's halt stops."""

    NONE = "none"
    ENTRIES = "entries"
    """No new positions."""
    ALL = "all"
    """No new positions, and followers close their copies."""


class Side(Word):
    """The side of a position."""

    BUY = "buy"
    SELL = "sell"


class Happened(Word):
    """The last event of a position."""

    OPEN = "open"
    CHANGE = "change"
    """Volume, stops or side; a part that was closed, too."""
    PRICE = "price"
    CLOSE = "close"
    GONE = "gone"


class PositionState(Word):
    """Whether a position is open."""

    OPEN = "open"
    CLOSED = "closed"
    GONE = "gone"
    """It was open, it is not listed any more, and nobody published its deals."""


class DealKind(Word):
    """What a deal is."""

    BUY = "buy"
    SELL = "sell"
    MONEY = "money"
    """Money paid in or out."""
    CREDIT = "credit"
    OTHER = "other"
    """A charge, interest, a dividend, the commission of a day."""


class DealEntry(Word):
    """What a deal does to its position."""

    IN = "in"
    OUT = "out"
    REVERSAL = "reversal"
    OUT_BY = "out by"
    """Closed by an opposite position."""
    NONE = "none"


class Action(Word):
    """What a signal asks for."""

    BUY = "buy"
    SELL = "sell"
    CLOSE = "close"
    MODIFY = "modify"
    ORDER = "order"
    """Nothing to trade: it is about a pending order."""


class SignalEvent(Word):
    """What happened at the source."""

    OPEN = "open"
    INCREASE = "increase"
    PARTIAL_CLOSE = "partial close"
    CHANGE = "change"
    CLOSE = "close"
    REVERSAL = "reversal"
    CLOSE_BY = "close by"
    ORDER_PLACED = "order placed"
    ORDER_CHANGED = "order changed"
    ORDER_FILLED = "order filled"
    ORDER_EXPIRED = "order expired"
    ORDER_DELETED = "order deleted"


class OrderKind(Word):
    """The kind of a pending order."""

    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop-limit"


class Outcome(Word):
    """What a follower did with a signal."""

    DONE = "done"
    PARTIAL = "partial"
    SKIPPED = "skipped"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    """An order was sent, and nobody knows what became of it."""
