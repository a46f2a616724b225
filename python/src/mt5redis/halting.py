"""An operator's halt (`docs/halt.md`), as steps: written, ended, read, and which instances obey."""

from __future__ import annotations

import getpass
import time
from typing import Any

from redis.exceptions import OutOfMemoryError

from . import keys, schema, states
from .decoding import LETTERS, unpacked
from .errors import ConfigurationError, Refused
from .records import Halt, N, Obedience
from .states import Lanes
from .steps import Command, Pause, Steps
from .words import HaltLevel

WHO_LIMIT, WHY_LIMIT = 48, 120
_EVERY = 0.25
_STRICT = list(HaltLevel)
_HALTED = [field.wire for field in schema.INSTANCE].index("ha")


def order(level: HaltLevel, instance: str | None, who: str | None, why: str) -> Halt:
    """Checks an order."""
    who = (getpass.getuser() if who is None else who).strip()
    why = why.strip()
    if not why:
        raise ConfigurationError("why is empty: traders must see a reason")
    if not who or ":" in who or len(who) > WHO_LIMIT or len(why) > WHY_LIMIT or not (who + why).isprintable():
        raise ConfigurationError(
            f"who has 1 to {WHO_LIMIT} characters and no colon, why at most {WHY_LIMIT}, both without control characters"
        )
    return Halt(level, who, why, instance and keys.instance_id(instance))


def read(value: bytes, instance: str | None) -> Halt:
    """The value of a key. What cannot be read halts entries: somebody may have meant a halt."""
    parts = value.decode(errors="replace").split(":", 2)
    if len(parts) < 3 or parts[0] not in [str(level) for level in HaltLevel]:
        return Halt(HaltLevel.ENTRIES, "mt5redis", f"the value of {keys.halt(instance)} cannot be read", instance)
    return Halt(HaltLevel(parts[0]), parts[1].strip()[:WHO_LIMIT], parts[2].strip()[:WHY_LIMIT], instance)


def write(lanes: Lanes[N], given: Halt, wait: float) -> Steps[Obedience]:
    """Writes an order, and returns who obeys: as soon as all that are alive do, or after `wait` seconds."""
    key, value = keys.halt(given.instance), f"{given.level}:{given.who}:{given.why}"
    until = time.monotonic() + wait
    while True:
        reply = (yield from lanes.ris.ask([(key, ("SET", key, value))]))[0]
        if not isinstance(reply, Exception):
            break
        if not isinstance(reply, OutOfMemoryError) or time.monotonic() >= until:
            what = "the end of the halt" if given.level is HaltLevel.NONE else "the halt"
            raise Refused(f"{what} is NOT written: {lanes.ris.refused(reply)}")
        yield Pause(_EVERY)  # a full server may throw something away
    while True:
        obedience = yield from _obeying(lanes, given)
        if obedience or time.monotonic() >= until:
            return obedience
        yield Pause(_EVERY)


def _obeying(lanes: Lanes[N], given: Halt) -> Steps[Obedience]:
    """Which instances that are alive have heard: of the stricter of the two orders that concern them."""
    alive = yield from _alive(lanes, given.instance)
    orders = yield from halts(lanes, list(alive))
    everyone = _STRICT.index(_level(orders, None))
    obeying: set[str] = set()
    others: set[str] = set()
    for instance, halted in alive.items():
        wanted = _STRICT[max(everyone, _STRICT.index(_level(orders, instance)))]
        (obeying if halted is wanted else others).add(instance)
    return Obedience(frozenset(obeying), frozenset(others))


def _alive(lanes: Lanes[N], only: str | None) -> Steps[dict[str, HaltLevel | None]]:
    """The halt that each instance obeys that is alive. It asks only what an operator's user may."""
    names = {only} if only else set[str]()
    cursor = b"0"
    while not only:
        command: Command = ("ZSCAN", keys.INSTANCE_LIST, cursor, "COUNT", states.AT_ONCE)
        cursor, pairs = lanes.ris.good((yield from lanes.ris.ask([(keys.INSTANCE_LIST, command)]))[0])
        names |= {name for raw in pairs[::2] if keys.is_instance(name := raw.decode(errors="replace"))}
        if cursor == b"0":
            break
    listed = sorted(names)
    replies = yield from states.ask_all(lanes.ris, [(keys.state(name), ("HMGET", keys.state(name), "ha", "d")) for name in listed])
    alive = {}
    for name, reply in zip(listed, replies):
        if isinstance(reply, Exception) and "WRONGTYPE" in str(reply):
            continue  # it is no instance
        halted, packed = lanes.ris.good(reply)
        if packed is not None:
            values = lanes.read(keys.state(name), unpacked, packed) or []
            halted = values[_HALTED] if len(values) > _HALTED else b""
        if halted is not None:
            alive[name] = LETTERS["HaltLevel"].get(halted)
    return alive


def _level(orders: dict[str | None, Halt], instance: str | None) -> HaltLevel:
    return orders[instance].level if instance in orders else HaltLevel.NONE


def halts(lanes: Lanes[N], instances: list[str]) -> Steps[dict[str | None, Halt]]:
    """The orders for all (under None) and for each of these instances, as far as their keys exist."""
    names: list[str | None] = [None, *instances]
    replies = yield from states.ask_all(lanes.ris, [(keys.halt(name), ("GET", keys.halt(name))) for name in names])
    found: dict[str | None, Halt] = {}
    for name, reply in zip(names, replies):
        value: Any = lanes.ris.good(reply)
        if value is not None:
            found[name] = read(value, name)
    return found
