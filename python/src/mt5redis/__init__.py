"""mt5-redis from Python: MetaTrader 5 terminals as typed objects, and signals that reach them exactly once.

`Fleet` reads, `Publisher` sends; `mt5redis.aio` has both for asyncio. docs/python.md explains them with examples.
"""

from .configuration import Configuration
from .errors import (
    ConfigurationError,
    GapError,
    KeyReused,
    LibraryError,
    Mt5RedisError,
    NotCommitted,
    Refused,
    Unreachable,
    Unreadable,
)
from .fleet import Fleet
from .publisher import Publisher
from .readers import Reader
from .records import Deal, Equity, Gap, Halt, Instance, Obedience, Position, PositionEvent, PositionGone, Report, Signal
from .sent import Sent
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
from .workers import Task, Worker

__version__ = "0.1.0"

__all__ = [
    "AccountKind",
    "Action",
    "Configuration",
    "ConfigurationError",
    "Deal",
    "DealEntry",
    "DealKind",
    "Equity",
    "Fleet",
    "Following",
    "Gap",
    "GapError",
    "Halt",
    "HaltLevel",
    "Happened",
    "Instance",
    "KeyReused",
    "LibraryError",
    "Mt5RedisError",
    "NotCommitted",
    "Obedience",
    "OrderKind",
    "Outcome",
    "Position",
    "PositionEvent",
    "PositionGone",
    "PositionState",
    "Pressure",
    "Publisher",
    "Reader",
    "Refused",
    "Report",
    "Sent",
    "Side",
    "Signal",
    "SignalEvent",
    "Task",
    "Unreachable",
    "Unreadable",
    "Worker",
]
