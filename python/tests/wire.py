"""Writes records as the library does, by docs/wire-format.md, to say what no terminal says here."""

from __future__ import annotations

import time

import msgpack

from mt5redis import schema

DEFAULTS = {"v": 2, "p": "00000000000000aa", "q": 1, "t": 0, "o": 0, "i": "1.Demo", "sy": "EURUSD", "a": "b", "vo": 0.1, "co": "",
            "pq": 0, "e": "o", "st": "o", "sd": "b", "ki": "b", "en": "i", "so": "1.Demo", "sp": "00000000000000bb", "sq": 1,
            "oc": "d", "re": ""}  # fmt: skip


def values(table, **given):
    defaults = DEFAULTS | {"t": int(time.time() * 1000)}
    return {field.wire: given.get(field.wire, defaults.get(field.wire, 0)) for field in table}


def fields(table, **given):
    """One field for each value."""
    return {name: int(value) if isinstance(value, bool) else value for name, value in values(table, **given).items()}


def packed(table, **given):
    """One field, a MessagePack array."""
    return {"d": msgpack.packb(list(values(table, **given).values()))}


SIGNAL = schema.SIGNAL[: schema.SIGNAL_LEAST]


class Source:
    """Writes the stream of one source: each signal names the one before it."""

    def __init__(self, client, name="1.Demo", producer="00000000000000aa", shard=0):
        self.client, self.name, self.producer, self.key = client, name, producer, f"ss:{{{shard}}}:{name}"
        self.last = 0
        client.zadd(f"sl:{{{shard}}}", {name: time.time() * 1000})

    def give(self, encode=packed, lost=False, **given):
        given = {"i": self.name, "p": self.producer, "q": self.last + 1, "pq": self.last} | given
        self.last = given["q"]
        if not lost:
            return self.client.xadd(self.key, encode(SIGNAL, **given))
        return None
