"""What can go wrong. Each text says what was wrong, with the value but never a secret, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .records import Gap


class Mt5RedisError(Exception):
    """The base of all errors of this package."""


class ConfigurationError(Mt5RedisError):
    """The URL or the TOML file is refused. The text names file, line, key and reason."""


class Unreachable(Mt5RedisError):
    """A server did not answer, or cannot answer now. Asking again later may succeed."""


class Refused(Mt5RedisError):
    """A server answered with an error that asking again does not mend, such as a missing permission."""


class Unreadable(Mt5RedisError):
    """A record cannot be understood: it is damaged, or of another schema."""


class GapError(Mt5RedisError):
    """Records were deleted before this reader read them. `gap` says which. The iteration can go on."""

    def __init__(self, gap: Gap) -> None:
        super().__init__(f"{gap}; go on with the next item, or pass gaps='yield' to get gaps as items")
        self.gap = gap


class LibraryError(Mt5RedisError):
    """The C library refused a call. `code` is one of `MT5REDIS_ERR_*` of `mt5_redis.h`, below 0; 0 if the library itself
    cannot be loaded."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class KeyReused(Mt5RedisError):
    """An idempotency key was used before, for another signal. Each order needs a key of its own."""


class NotCommitted(Mt5RedisError):
    """The time passed before everything accepted was in Redis. Nothing is lost: the library goes on sending it, and the
    next Publisher with this journal sends the rest."""
