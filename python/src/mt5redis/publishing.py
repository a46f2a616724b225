"""A publisher's session of the C library: what it accepts is in the journal on the disk, and reaches Redis once and in order.

No call waits for the network, except `flush` and `close`, at most for their time-out.
"""

from __future__ import annotations

import ctypes
import json
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

from . import keys
from .configuration import Configuration
from .decoding import milliseconds, moment
from .errors import ConfigurationError, LibraryError, NotCommitted
from .ledger import Ledger
from .library import ERR_TIMEOUT, RTSS, Library, SignalStruct, text_in
from .records import Halt
from .sent import Sent
from .words import Action, HaltLevel

Amount = float | Decimal
Expires = datetime | timedelta | None

CODES = {Action.BUY: 1, Action.SELL: 2, Action.CLOSE: 3, Action.MODIFY: 4}
# The numbers of the journal are shared by all publishers of this process that use it.
_one_at_a_time = threading.Lock()
_ledgers: dict[Path, Ledger] = {}


@dataclass(frozen=True, slots=True)
class Order:
    """What a signal says. 0 stands for "none", as docs/wire-format.md has it."""

    action: Action
    symbol: str
    volume: Amount = 0.0
    price: Amount | None = None
    stop_loss: Amount | None = None
    take_profit: Amount | None = None
    magic: int = 0
    position: int = 0
    expires: Expires = None
    comment: str = ""

    @property
    def meaning(self) -> str:
        """What must be the same when an idempotency key is used again."""
        return f"{self.action} {float(self.volume):g} {self.symbol}, magic {self.magic}, position {self.position}"

    def struct(self, now: datetime) -> SignalStruct:
        """For the library."""
        expires = now + self.expires if isinstance(self.expires, timedelta) else self.expires
        return SignalStruct(
            time_ms=milliseconds(now),
            expiry_ms=0 if expires is None else milliseconds(expires),
            magic=self.magic,
            position=self.position,
            volume=float(self.volume),
            price=float(self.price or 0),
            stop_loss=float(self.stop_loss or 0),
            take_profit=float(self.take_profit or 0),
            action=CODES[self.action],
        )


def configuration_of(config: str | Path | Configuration, folder: str | Path | None) -> Configuration:
    """A URL, the path of a TOML file, or a configuration that was read."""
    if isinstance(config, Configuration):
        return config
    if isinstance(config, str) and "://" in config:
        return Configuration.of_url(config, "" if folder is None else Path(folder).absolute())
    return Configuration.of_file(config, folder)


class Session:
    """One open handle of the library. Any thread may use it."""

    def __init__(self, name: str, configuration: Configuration) -> None:
        self.name, self.configuration = keys.instance_id(name), configuration
        self._library = Library.load()
        texts = [text_in(text) for text in (configuration.text, name, configuration.folder)]
        with _one_at_a_time:
            self._handle = self._library.call("mt5redis_open", *texts)
            self._ledger = self._open_ledger()
        self._producer: str = self.stats()["rtss"]["producer"]

    def _open_ledger(self) -> Ledger | None:
        journal = self.configuration.journal
        if journal is None or self.configuration.sync == "off":
            return None
        path = journal / f"python.keys.{self._journal_name()}"
        if path not in _ledgers:
            _ledgers[path] = Ledger(path, self.configuration.sync == "disk")
        _ledgers[path].settle(self._library.call("mt5redis_accepted", self._handle, RTSS))
        return _ledgers[path]

    def _journal_name(self) -> str:
        """Each site of signals has a journal of its own, and so its own numbers and keys."""
        endpoint = self.configuration.rtss
        name = f"{endpoint.kind}-{endpoint.master}-{endpoint.addresses[0]}-{endpoint.database}"
        return "".join(c if c.isalnum() else "-" for c in name)

    def send(self, order: Order, key: str | None) -> Sent:
        """Queues a signal. Returns it as readers will see it."""
        if key is not None and self._ledger is None:
            raise ConfigurationError('idempotency keys need the journal: journal.sync is "off", or the journal has no folder')
        now = moment(milliseconds(datetime.now(timezone.utc)))
        struct, symbol, comment = order.struct(now), text_in(order.symbol), text_in(order.comment)

        def accept() -> int:
            return self._library.call("mt5redis_signal", self._handle, ctypes.byref(struct), symbol, comment)

        def sent(sequence: int) -> Sent:
            return Sent(self.name, self._producer, sequence, now, order.action, order.symbol, float(order.volume))

        with _one_at_a_time:
            if key is None or self._ledger is None:
                return sent(accept())
            next_one = self._library.call("mt5redis_accepted", self._handle, RTSS) + 1
            return self._ledger.once(key, sent(next_one), order.meaning, accept)

    def flush(self, timeout: float) -> None:
        """Waits until everything accepted is in Redis."""
        self._settled("mt5redis_flush", timeout)

    def close(self, timeout: float) -> None:
        """Ends the session."""
        handle, self._handle = self._handle, 0
        if handle:
            self._settled("mt5redis_close", timeout, handle)

    def _settled(self, name: str, timeout: float, handle: int | None = None) -> None:
        try:
            self._library.call(name, self._handle if handle is None else handle, int(timeout * 1000))
        except LibraryError as error:
            if error.code == ERR_TIMEOUT:
                raise NotCommitted(str(error)) from None
            raise

    def is_committed(self, sent: Sent) -> bool:
        """Whether a signal is in Redis."""
        return self._library.call("mt5redis_committed", self._handle, RTSS) >= sent.sequence

    def halted(self) -> Halt:
        """What an operator halted, as far as this process has heard."""
        level, words = self._library.halted(self._handle)
        who, _, why = words.partition(": ")
        return Halt(list(HaltLevel)[level], who, why, self.name)

    def stats(self) -> dict[str, Any]:
        """The library's counters (docs/statistics.md)."""
        found: dict[str, Any] = json.loads(self._library.text("mt5redis_stats", 8192, self._handle))
        return found

    def log(self) -> list[str]:
        """The library's log since the last call: connections, failures, what it corrected."""
        lines = []
        while line := self._library.text("mt5redis_next_event", 512, self._handle):
            lines.append(line)
        return lines
