"""The names of the Redis keys (`docs/wire-format.md`)."""

from __future__ import annotations

import binascii
import re

from .errors import ConfigurationError

INSTANCE_LIST = "il"
HALT = "halt"

_ID = re.compile(r"[A-Za-z0-9._-]{1,40}\Z")
_READER = re.compile(r"[A-Za-z0-9._:@-]{1,64}\Z")


def is_instance(name: str) -> bool:
    """Whether this can be an instance id."""
    return _ID.match(name) is not None


def instance_id(name: str) -> str:
    """Checks an instance id."""
    if not is_instance(name):
        raise ConfigurationError(f"{name!r} is no instance id: write 1 to 40 characters of A-Z a-z 0-9 . _ -")
    return name


def reader_name(what: str, name: str) -> str:
    """Checks the name of a consumer group or of a consumer."""
    if not _READER.match(name):
        raise ConfigurationError(f"{what} = {name!r} is refused: write 1 to 64 characters of A-Z a-z 0-9 . _ : @ -")
    return name


def crc16(text: str | bytes) -> int:
    """CRC-16/XMODEM, which Redis uses for slots."""
    return binascii.crc_hqx(text.encode() if isinstance(text, str) else text, 0)


def slot(key: str) -> int:
    """The Cluster slot of a key: of the text in its braces, if there is any."""
    _, opened, rest = key.partition("{")
    tag, closed, _ = rest.partition("}")
    return crc16(tag if opened and closed and tag else key) % 16384


def shard(instance: str, shards: int) -> int:
    """The shard of an instance's signals and reports."""
    return crc16(instance) % shards


def state(instance: str) -> str:
    """An instance's state; a hash."""
    return f"is:{{{instance}}}"


def halt(instance: str | None) -> str:
    """The operator's halt for one instance, or for all; a string."""
    return HALT if instance is None else f"halt:{{{instance}}}"


def trade(instance: str, position: str | int) -> str:
    """A position's state; a hash."""
    return f"ts:{{{instance}}}:{position}"


def open_trades(instance: str) -> str:
    """The ids of an instance's open positions; a set."""
    return f"to:{{{instance}}}"


def closed_trades(instance: str) -> str:
    """The ids of an instance's closed positions by close time, ms; a sorted set."""
    return f"tc:{{{instance}}}"


def events(instance: str) -> str:
    """What happened to an instance's positions; a stream."""
    return f"te:{{{instance}}}"


def equity(instance: str) -> str:
    """An instance's equity history; a string."""
    return f"ih:{{{instance}}}"


def signals(shard_number: int, source: str) -> str:
    """The signals of one source; a stream."""
    return f"ss:{{{shard_number}}}:{source}"


def sources(shard_number: int) -> str:
    """The sources of a shard by their last announcement; a sorted set, and only a hint."""
    return f"sl:{{{shard_number}}}"


def reports(shard_number: int, follower: str) -> str:
    """The execution reports of one follower; a stream."""
    return f"sr:{{{shard_number}}}:{follower}"


def dead_letters(shard_number: int) -> str:
    """The signals of a shard that no worker could process; a stream."""
    return f"sd:{{{shard_number}}}"


def acknowledged(shard_number: int, source: str, group: str) -> str:
    """What a group of workers acknowledged lately of a source's signals; a sorted set."""
    return f"sa:{{{shard_number}}}:{source}:{group}"
