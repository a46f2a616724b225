"""Idempotency keys that callers chose, and the signals that they stand for, beside the journal.

A key is noted with the number that its signal will have, before the library is asked. So after a crash the journal's last number
says whether the library had accepted it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from .decoding import milliseconds, moment
from .errors import ConfigurationError, KeyReused
from .sent import Sent
from .words import Action

KEPT_DAYS = 35
"""As long as Redis keeps a producer's watermark."""
LONGEST_KEY = 200

_TABLE = """
CREATE TABLE IF NOT EXISTS keys (
    source TEXT, key TEXT, producer TEXT, sequence INTEGER, time_ms INTEGER, action TEXT, symbol TEXT, volume REAL,
    meaning TEXT, accepted INTEGER, noted REAL, PRIMARY KEY (source, key)
) WITHOUT ROWID
"""


class Ledger:
    """The keys of one journal. One thread at a time may use it; the journal's lock keeps other processes out."""

    def __init__(self, path: Path, is_durable: bool) -> None:
        """`is_durable`: as the journal with `sync = "disk"`, it survives a loss of power."""
        try:
            self._store = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._store.execute("PRAGMA journal_mode = WAL")
            self._store.execute(f"PRAGMA synchronous = {'FULL' if is_durable else 'NORMAL'}")
            self._store.execute(_TABLE)
            self._store.execute("DELETE FROM keys WHERE noted < ?", (time.time() - KEPT_DAYS * 86_400,))
        except sqlite3.Error as error:
            raise ConfigurationError(f"{path}, which keeps idempotency keys, cannot be used: {error}") from None

    def settle(self, accepted: int) -> None:
        """After the journal was opened, whose last number is `accepted`: forgets keys whose signal it never accepted."""
        self._store.execute("DELETE FROM keys WHERE NOT accepted AND sequence > ?", (accepted,))
        self._store.execute("UPDATE keys SET accepted = 1 WHERE NOT accepted")

    def once(self, key: str, sent: Sent, meaning: str, accept: Callable[[], int]) -> Sent:
        """Lets `accept` queue the signal, unless its key was used: then returns the signal of then. `sent` has the number that the
        signal will have."""
        if not 1 <= len(key) <= LONGEST_KEY:
            raise ConfigurationError(f"key = {key!r} is refused: pass 1 to {LONGEST_KEY} characters")
        found = self._store.execute(
            "SELECT producer, sequence, time_ms, action, symbol, volume, meaning FROM keys WHERE source = ? AND key = ?",
            (sent.source, key),
        ).fetchone()
        if found is not None:
            producer, sequence, time_ms, action, symbol, volume, before = found
            if before != meaning:
                raise KeyReused(f"key {key!r} stands for {before}, and now for {meaning}: give each order a key of its own")
            return Sent(sent.source, producer, sequence, moment(time_ms), Action(action), symbol, volume, repeated=True)
        row = (sent.source, key, sent.producer, sent.sequence, milliseconds(sent.time), str(sent.action), sent.symbol, sent.volume)
        self._store.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)", (*row, meaning, time.time()))
        try:
            accept()
        except BaseException:
            self._store.execute("DELETE FROM keys WHERE source = ? AND key = ?", (sent.source, key))
            raise
        self._store.execute("UPDATE keys SET accepted = 1 WHERE source = ? AND key = ?", (sent.source, key))
        return sent

    def close(self) -> None:
        """Closes the file."""
        self._store.close()
