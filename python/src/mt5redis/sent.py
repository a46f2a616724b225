"""What a publisher returns for a signal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .words import Action


@dataclass(frozen=True, slots=True)
class Sent:
    """A signal that the library has accepted: it will be in Redis once, whatever dies."""

    source: str
    producer: str
    sequence: int
    time: datetime
    action: Action
    symbol: str
    volume: float
    """Lots."""
    repeated: bool = False
    """Its idempotency key was used before: this is the signal of then, and nothing was sent now."""

    @property
    def key(self) -> str:
        """The key of the signal, as readers and reports have it."""
        return f"{self.source}+{self.producer}-{self.sequence}"
