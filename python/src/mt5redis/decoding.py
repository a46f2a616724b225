"""Bytes from Redis become records: pure functions. Whoever may write a key can write anything into it, so a wrong value
raises `Unreadable` with one short line."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any, Generic

import msgpack

from . import schema
from .errors import Unreadable
from .records import Deal, Instance, N, Position, PositionEvent, PositionGone, Report, Signal
from .schema import SCHEMA, Field
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

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LARGEST = 64 * 1024
_PRODUCER = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_LARGEST_NUMBER = 2**63 - 1
# Characters that control a terminal, are invisible, or reverse the text beside them.
_STEERS = re.compile("[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")

Entry = Mapping[bytes, bytes]
Convert = Callable[[Any], Any]


def _choices(pairs: Iterable[tuple[str | int, Any]]) -> dict[Any, Any]:
    """A table of what may be on the wire: a text or a number, and the same as bytes."""
    table: dict[Any, Any] = {}
    for wire, meaning in pairs:
        table[wire] = table[str(wire).encode()] = meaning
    return table


LETTERS: dict[str, dict[Any, Any]] = {
    "AccountKind": _choices(enumerate(AccountKind)),
    "Pressure": _choices(enumerate(Pressure)),
    "Following": _choices(enumerate(Following)),
    "HaltLevel": _choices(enumerate(HaltLevel)),
    "Side": _choices([("b", Side.BUY), ("s", Side.SELL)]),
    "Happened": _choices(zip("ompcg", Happened)),
    "PositionState": _choices(zip("ocg", PositionState)),
    "DealKind": _choices(zip("bspco", DealKind)),
    "DealEntry": _choices(zip("iorbn", DealEntry)),
    "Action": _choices(zip("bscmo", Action)),
    "SignalEvent": _choices([(0, None), *enumerate(SignalEvent, 1)]),
    "OrderKind": _choices([(0, None), *enumerate(OrderKind, 1)]),
    "Outcome": _choices(zip("dpsru", Outcome)),
    "letter": _choices((letter, letter) for letter in "ompcgd"),
}


def _text(value: Any) -> str:
    text: str = value.decode() if isinstance(value, bytes) else value
    if not isinstance(text, str):
        raise ValueError
    return text if text.isprintable() else _STEERS.sub(" ", text)


def _truth(value: Any) -> bool:
    return {b"0": False, b"1": True, 0: False, 1: True}[value]


def moment(value: Any) -> datetime:
    """A time on the wire: ms since 1970 UTC."""
    return EPOCH + timedelta(milliseconds=int(value))


def milliseconds(time: datetime) -> int:
    """A time as on the wire. A datetime without a time zone is refused, as it may mean any."""
    if time.tzinfo is None:
        raise ValueError(f"{time!r} has no time zone: pass datetime.now(timezone.utc), for example")
    return (time - EPOCH) // timedelta(milliseconds=1)


def _float(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _decimal(value: Any) -> Decimal:
    number = Decimal(value.decode() if isinstance(value, bytes) else repr(value))
    if not number.is_finite():
        raise ValueError
    return number


def _optional(convert: Convert) -> Convert:
    return lambda value: convert(value) if value not in (0, b"0") else None


def kinds(numbers: type[Any]) -> dict[str, Convert]:
    """How a value of each kind is read."""
    plain: dict[str, Convert] = {
        "integer": int,
        "text": _text,
        "number": _float if numbers is float else _decimal,
        "truth": _truth,
        "time": moment,
        "seconds": lambda value: timedelta(seconds=int(value)),
        "milliseconds": lambda value: timedelta(milliseconds=int(value)),
        "microseconds": lambda value: timedelta(microseconds=int(value)),
    }
    plain |= {f"{kind}?": _optional(convert) for kind, convert in plain.items()}
    return plain | {name: table.__getitem__ for name, table in LETTERS.items()}


class _Table:
    """Reads the fields of one table."""

    def __init__(self, table: Sequence[Field], converters: Mapping[str, Convert], what: str, least: int | None = None) -> None:
        self.what, self.least, self.whole = what, least or len(table), len(table)
        self.wire = [field.wire.encode() for field in table]
        self.attributes = [field.attribute for field in table]
        self.converters = [converters[field.kind] for field in table]

    def values(self, raw: Sequence[Any]) -> list[Any]:
        """The values of a record, from its `v` on; fewer than the table has if it may end early."""
        if len(raw) < self.least:
            raise Unreadable(f"it has {len(raw)} values, so it is not {self.what}")
        values: list[Any] = []
        for convert, value in zip(self.converters, raw):
            try:
                values.append(convert(value))
            except (ValueError, KeyError, TypeError, OverflowError, UnicodeDecodeError, InvalidOperation, AttributeError):
                field = self.wire[len(values)].decode()
                if value is None:
                    raise Unreadable(f"it has no field {field}, so it is not {self.what}") from None
                raise Unreadable(f"its field {field} has the value {_shown(value)}") from None
        return values

    def of_entry(self, entry: Entry) -> list[Any]:
        """The values of one field for each value."""
        version(entry.get(b"v"))
        whole = self.whole == self.least or self.wire[self.least] in entry
        names = self.wire if whole else self.wire[: self.least]
        return self.values([entry.get(name) for name in names])

    def of_list(self, packed: list[Any]) -> list[Any]:
        """The values of a MessagePack array. What a later version added at the end is ignored."""
        if self.least < len(packed) < self.whole:
            raise Unreadable(f"it has {len(packed)} values, so it is not {self.what}")
        return self.values(packed)


def _shown(value: Any) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return _STEERS.sub("?", text[:40])


def version(value: Any) -> None:
    """Checks the version of the schema."""
    try:
        found = int(value)
    except (TypeError, ValueError):
        raise Unreadable("it has no version v: it is no record of mt5-redis") from None
    if found != SCHEMA:
        update = "this package" if found > SCHEMA else "the terminal that wrote it"
        raise Unreadable(f"it has schema {found}, and this package knows schema {SCHEMA}: update {update}")


def unpacked(data: bytes) -> list[Any]:
    """The array of a record in the encoding `packed`."""
    if len(data) > _LARGEST:
        raise Unreadable(f"d has {len(data)} bytes, more than {_LARGEST}")
    try:
        values = msgpack.unpackb(data)
    except Exception as error:  # msgpack documents no common base
        raise Unreadable(f"d is not a MessagePack array: {_shown(str(error))}") from None
    if not isinstance(values, list) or not values:
        raise Unreadable("d is not a MessagePack array with values")
    version(values[0])
    return values


def of_pairs(pairs: Sequence[bytes]) -> dict[bytes, bytes]:
    """Names and values, as Redis lists them."""
    return dict(zip(pairs[::2], pairs[1::2]))


def _numbered(producer: str, sequence: int) -> None:
    if not _PRODUCER.match(producer):
        raise Unreadable(f"its producer {_shown(producer)} is not a valid name")
    if not 1 <= sequence <= _LARGEST_NUMBER:
        raise Unreadable(f"its number {sequence} is outside 1 to {_LARGEST_NUMBER}")


class Decoder(Generic[N]):
    """Makes records whose prices, volumes and money are of the type `numbers`."""

    def __init__(self, numbers: type[N]) -> None:
        self.numbers = numbers
        converters = kinds(numbers)
        self._instance = _Table(schema.INSTANCE, converters, "the state of an instance")
        self._position = _Table(schema.POSITION, converters, "the state of a position")
        self._gone = _Table(schema.GONE, converters, "the end of a position")
        self._position_event = _Table(schema.POSITION_EVENT, converters, "an event of a position")
        self._gone_event = _Table(schema.GONE_EVENT, converters, "the end of a position")
        self._deal = _Table(schema.DEAL, converters, "a deal")
        self._signal = _Table(schema.SIGNAL, converters, "a signal", schema.SIGNAL_LEAST)
        self._report = _Table(schema.REPORT, converters, "an execution report")
        names = [field.name for field in dataclass_fields(Position)][2:]
        assert names == self._position.attributes[1:], "the order of the class is that of the wire"

    def instance(self, instance: str, entry: Entry) -> Instance[N]:
        """The hash `is:{I}`."""
        return Instance(instance, *self._read(self._instance, entry)[1:])

    def position(self, instance: str, position: int, entry: Entry) -> Position[N]:
        """The hash `ts:{I}:<position>`. The end of a position that is gone stands beside what was known of it."""
        data = entry.get(b"d")
        if data is None:
            values = self._position.of_entry(entry)
        else:
            values = self._position.of_list(unpacked(data))
            if b"e" in entry:
                attributes = self._position.attributes
                for name, value in zip(self._gone.attributes, self._gone.of_entry(entry)):
                    values[attributes.index(name)] = value
        return Position(instance, position, *values[1 : self._position.whole])

    def event(self, instance: str, id: str, entry: Entry) -> PositionEvent[N] | PositionGone | Deal[N]:
        """An entry of `te:{I}`."""
        data = entry.get(b"d")
        packed = None if data is None else unpacked(data)
        kind = entry.get(b"e") if packed is None else packed[5] if len(packed) > 5 else None
        table = {b"g": self._gone_event, b"d": self._deal, "d": self._deal}.get(kind, self._position_event)  # type: ignore[arg-type]
        values = table.of_entry(entry) if packed is None else table.of_list(packed)
        _numbered(values[1], values[2])
        if table is self._gone_event:
            return PositionGone(instance, id, *values[1:])
        if table is self._deal:
            return Deal(instance, id, *values[1:5], *values[6 : self._deal.whole])
        position = values[len(schema.POSITION)]
        return PositionEvent(id, values[len(schema.POSITION) + 1], Position(instance, position, *values[1 : len(schema.POSITION)]))

    def signal(self, source: str, id: str, entry: Entry) -> Signal[N]:
        """An entry of `ss:{k}:I`. The key says who gave it; an entry that says another is rejected."""
        values = self._read(self._signal, entry)[: self._signal.whole]
        values += [None] * (self._signal.whole - len(values))
        signal: Signal[N] = Signal(id, *values[1:])
        if b"r" in entry:
            signal = replace(signal, retried=True)
        _numbered(signal.producer, signal.sequence)
        self._of("source", signal.source, source)
        if signal.previous >= signal.sequence:
            raise Unreadable(f"it claims that its number {signal.sequence} follows {signal.previous}")
        if not signal.symbol:
            raise Unreadable("it has no symbol")
        if signal.volume < 0 or (not signal.volume and signal.action in (Action.BUY, Action.SELL)):
            raise Unreadable(f"its volume is {signal.volume}")
        return signal

    def report(self, follower: str, id: str, entry: Entry) -> Report[N]:
        """An entry of `sr:{k}:F`."""
        report: Report[N] = Report(id, *self._read(self._report, entry)[1 : self._report.whole])
        _numbered(report.producer, report.sequence)
        _numbered(report.signal_producer, report.signal_sequence)
        self._of("follower", report.follower, follower)
        return report

    def _read(self, table: _Table, entry: Entry) -> list[Any]:
        data = entry.get(b"d")
        return table.of_entry(entry) if data is None else table.of_list(unpacked(data))

    def _of(self, what: str, said: str, key: str) -> None:
        if said != key:
            raise Unreadable(f"it says that its {what} is {_shown(said)}, and its key says {key}")
