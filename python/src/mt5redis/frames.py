"""Records as a pandas DataFrame. pandas is the extra `mt5redis[pandas]`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, get_args

from .errors import Mt5RedisError
from .records import Deal, Equity, Instance, Position, PositionEvent, Report, Signal

if TYPE_CHECKING:
    import pandas

What = Literal["instances", "positions", "closed", "events", "deals", "signals", "reports", "equity"]
WHAT: tuple[str, ...] = get_args(What)

_COLUMNS: dict[str, type[Any]] = {
    "instances": Instance,
    "positions": Position,
    "closed": Position,
    "events": Position,
    "deals": Deal,
    "signals": Signal,
    "reports": Report,
    "equity": Equity,
}


def to_pandas(records: Sequence[Any], what: str) -> pandas.DataFrame:
    """A row for each record, a column for each of its fields; words are texts, times are UTC."""
    try:
        import pandas
    except ImportError:
        raise Mt5RedisError("pandas is missing: pip install 'mt5redis[pandas]'") from None
    fields = dataclasses.fields(_COLUMNS[what])
    names = [field.name for field in fields]
    if what == "equity":
        names.insert(2, "equity")
    rows = [[_plain(getattr(record, name, None)) for name in names] for record in map(_flat, records)]
    frame = pandas.DataFrame(rows, columns=names)
    kinds = {field.name: str(field.type) for field in fields}
    for name in names:
        kind = kinds.get(name, "float")
        if kind.startswith("datetime"):
            frame[name] = pandas.to_datetime(frame[name], utc=True)
        elif kind.startswith("timedelta"):
            frame[name] = pandas.to_timedelta(frame[name])
    return frame


def _flat(record: Any) -> Any:
    """Of an event its position: the time, the kind of event and the state are among its fields."""
    return record.position if isinstance(record, PositionEvent) else record


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value
