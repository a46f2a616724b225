"""Records as a pandas DataFrame. pandas is the extra `mt5redis[pandas]`."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, get_args

from .errors import ConfigurationError, Mt5RedisError
from .records import Deal, Equity, Gap, Instance, Position, PositionEvent, Report, Signal

if TYPE_CHECKING:
    import pandas

log = logging.getLogger("mt5redis")

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


def checked(what: str) -> str:
    """Refuses what is no table."""
    if what not in WHAT:
        raise ConfigurationError(f"what = {what!r} is refused: pass one of {', '.join(WHAT)}")
    return what


def to_pandas(records: Sequence[Any], what: str) -> pandas.DataFrame:
    """A row for each record, a column for each of its fields; words are texts, times are UTC. Gaps are warnings of the logger
    `mt5redis`, and the list `attrs["gaps"]` of the table."""
    try:
        import pandas
    except ImportError:
        raise Mt5RedisError("pandas is missing: pip install 'mt5redis[pandas]'") from None
    fields = dataclasses.fields(_COLUMNS[what])
    names = [field.name for field in fields]
    if what == "equity":
        names.insert(2, "equity")
    if what in ("events", "deals"):
        records = [one for one in records if isinstance(one, Gap) or isinstance(one, Deal) == (what == "deals")]
    gaps = [one for one in records if isinstance(one, Gap)]
    for gap in gaps:
        log.warning("the table of %s is not whole: %s", what, gap)
    rows = [[_plain(getattr(one, name, None)) for name in names] for one in map(_flat, records) if not isinstance(one, Gap)]
    frame = pandas.DataFrame(rows, columns=names)
    frame.attrs["gaps"] = gaps
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
