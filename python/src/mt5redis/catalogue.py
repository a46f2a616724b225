"""Finds streams by a list of names in Redis, as steps. Whoever may write the list can add any name, so a name counts only if its
stream exists, and one look reads a bounded part of the list."""

from __future__ import annotations

from collections.abc import Callable

from . import keys
from .servers import Servers
from .states import AT_ONCE, with_stream
from .steps import Steps

LOOK = 10_000
"""Names that one look reads, once the whole list was read."""


class Catalogue:
    """One list, a sorted set, read again and again."""

    def __init__(self, lists: Servers, key: str, streams: Servers, stream_of: Callable[[str], str | None]) -> None:
        self._lists, self._key, self._streams, self._stream_of = lists, key, streams, stream_of
        self._cursor, self._complete = b"0", False

    def look(self, known: set[str]) -> Steps[list[str]]:
        """The names that have a stream and are not known. The first look reads the whole list."""
        found: dict[str, None] = {}
        read = 0
        while True:
            command = ("ZSCAN", self._key, self._cursor, "COUNT", AT_ONCE)
            self._cursor, pairs = self._lists.good((yield from self._lists.ask([(self._key, command)]))[0])
            read += len(pairs) // 2
            candidates = {}
            for raw in pairs[::2]:
                name = raw.decode(errors="replace")
                stream = self._stream_of(name) if keys.is_instance(name) and name not in known and name not in found else None
                if stream is not None:
                    candidates[name] = stream
            found |= dict.fromkeys((yield from with_stream(self._streams, candidates)))
            self._complete |= self._cursor == b"0"
            if self._cursor == b"0" or (self._complete and read >= LOOK):
                return sorted(found)
