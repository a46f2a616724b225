"""The equity history `ih:{I}`: one sample a minute for 48 hours, and one an hour for a year. Pure functions.

Each slot is found by its time and has the lap in which it was written, so a slot that nobody wrote in its time is empty.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from .decoding import milliseconds, moment
from .errors import Unreadable
from .records import Equity

MINUTES, HOURS = 2880, 8760
LENGTH = MINUTES * 9 + HOURS * 8 + 1
LAYOUT = 1
_STEPS = (1, 2, 5)


def unit(number: int) -> float:
    """The unit of the values: 1e-8, 2e-8, 5e-8, 1e-7 and so on, from number 1 on."""
    exponent = (number - 1) // 3 - 8
    step = _STEPS[(number - 1) % 3]
    return step * 10.0**exponent if exponent >= 0 else step / 10.0**-exponent


def _signed(word: int, at: int, bits: int) -> int:
    value = word >> at & (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


def _sample(instance: str, time: datetime, word: int) -> Equity:
    scale = unit(word >> 53 & 63)
    if word >> 59 & 1:
        balance, profit, margin, credit = (_signed(word, at, 13) * scale for at in (0, 13, 26, 39))
    else:
        balance, profit = _signed(word, 0, 18) * scale, _signed(word, 18, 18) * scale
        margin, credit = (word >> 36 & (1 << 17) - 1) * scale, 0.0
    return Equity(instance, time, *(round(value, 8) for value in (balance, profit, margin, credit)))


def read(instance: str, data: bytes, now: datetime) -> list[Equity]:
    """The samples up to now, oldest first: hours, and then minutes from where the hours end to be needed."""
    if len(data) != LENGTH or data[-1] != LAYOUT:
        raise Unreadable(f"it has {len(data)} bytes and layout {data[-1] if data else 'none'}; this package knows layout {LAYOUT}")
    now_ms = milliseconds(now)
    minutes, hours = _minutes(instance, data, now_ms), _hours(instance, data, now_ms)
    if minutes:  # an hour's sample is that of its last minute
        hours = [sample for sample in hours if sample.time <= minutes[0].time - timedelta(hours=1)]
    return hours + minutes


def _minutes(instance: str, data: bytes, now_ms: int) -> list[Equity]:
    newest = now_ms // 60_000
    samples = []
    for n in range(newest - MINUTES + 1, newest + 1):
        at, lap = n % MINUTES * 9, n // MINUTES
        word = int.from_bytes(data[at : at + 8], "little")
        if word >> 53 & 63 and word >> 60 == lap & 15 and data[at + 8] == lap >> 4 & 255:
            samples.append(_sample(instance, moment(n * 60_000), word))
    return samples


def _hours(instance: str, data: bytes, now_ms: int) -> list[Equity]:
    newest = now_ms // 3_600_000
    samples = []
    for n in range(newest - HOURS + 1, newest + 1):
        at, lap = MINUTES * 9 + n % HOURS * 8, n // HOURS
        word = int.from_bytes(data[at : at + 8], "little")
        if word >> 53 & 63 and word >> 60 == lap & 15:
            samples.append(_sample(instance, moment(n * 3_600_000), word))
    return samples
