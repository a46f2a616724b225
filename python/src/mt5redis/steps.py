"""How this package talks without doing so itself: work is a generator that yields requests and is sent their answers.

All that decides and decodes is written once in this form. `connections` carries the requests out for threads, and
`aio.connections` for asyncio; neither knows what they mean.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, Union

from .endpoint import Address, Endpoint

T = TypeVar("T")

Command: TypeAlias = "tuple[str | bytes | int, ...]"
"""A command and its arguments, as Redis takes them."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Send these commands to one server in one write, on one connection. The answer is the list of replies, in which an
    error of the server is a `redis.ResponseError`. A connection that fails raises `Unreachable` where this was yielded."""

    endpoint: Endpoint
    address: Address
    commands: Sequence[Command]
    at_sentinel: bool = False
    """Log in as at a sentinel."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait. The answer is None."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Resolve:
    """Look a host's name up. The answer is the set of its IP addresses; empty if there are none."""

    host: str


Request: TypeAlias = Union[Exchange, Pause, Resolve]
Steps: TypeAlias = Generator[Request, Any, T]
"""Work that ends with a T."""
