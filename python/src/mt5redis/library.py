"""The C library `mt5_redis`, through its C ABI (`include/mt5_redis.h`). A test compares the structs with the header.

It is looked for in the environment variable `MT5REDIS_LIBRARY`, in this package (wheels have it), and where the system finds
libraries.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import sys
import threading
from pathlib import Path
from typing import Any

from .errors import LibraryError

ABI_VERSION = 1
RTSS = 2
OK, HEARTBEATS_WAIT = 0, 1
ERR_TIMEOUT = -9
ERR_DEAD_LETTERS = -20

_NAME = "mt5_redis.dll" if sys.platform == "win32" else "libmt5_redis.so"


class SignalStruct(ctypes.Structure):
    """`mt5redis_signal_t`."""

    _fields_ = [
        ("time_ms", ctypes.c_int64),
        ("expiry_ms", ctypes.c_int64),
        ("magic", ctypes.c_int64),
        ("position", ctypes.c_int64),
        ("volume", ctypes.c_double),
        ("price", ctypes.c_double),
        ("stop_loss", ctypes.c_double),
        ("take_profit", ctypes.c_double),
        ("action", ctypes.c_int32),
        ("server_offset_s", ctypes.c_int32),
        ("volume_before", ctypes.c_double),
        ("volume_after", ctypes.c_double),
        ("entry_price", ctypes.c_double),
        ("event", ctypes.c_int32),
        ("side", ctypes.c_int32),
        ("order_type", ctypes.c_int32),
        ("found", ctypes.c_int32),
    ]


INSTANCE_SIZE, TRADE_SIZE = 112, 144
"""The sizes of the structs that this package does not use, for the handshake."""

Text = ctypes.c_void_p
_PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "mt5redis_abi": (ctypes.c_int32, [ctypes.c_int32] * 4),
    "mt5redis_open": (ctypes.c_int64, [Text, Text, Text]),
    "mt5redis_signal": (ctypes.c_int64, [ctypes.c_int64, ctypes.c_void_p, Text, Text]),
    "mt5redis_accepted": (ctypes.c_int64, [ctypes.c_int64, ctypes.c_int32]),
    "mt5redis_committed": (ctypes.c_int64, [ctypes.c_int64, ctypes.c_int32]),
    "mt5redis_status": (ctypes.c_int32, [ctypes.c_int64, ctypes.c_int32, ctypes.c_int64]),
    "mt5redis_flush": (ctypes.c_int32, [ctypes.c_int64, ctypes.c_int32]),
    "mt5redis_close": (ctypes.c_int32, [ctypes.c_int64, ctypes.c_int32]),
    "mt5redis_halted": (ctypes.c_int32, [ctypes.c_int64, Text, ctypes.c_int32]),
    "mt5redis_stats": (ctypes.c_int32, [ctypes.c_int64, Text, ctypes.c_int32]),
    "mt5redis_next_event": (ctypes.c_int32, [ctypes.c_int64, Text, ctypes.c_int32]),
    "mt5redis_last_error": (ctypes.c_int32, [Text, ctypes.c_int32]),
}


def text_in(text: str) -> ctypes.Array[Any]:
    """UTF-16 with a NUL, which must live as long as the call. A text with a NUL inside would be cut there."""
    if "\0" in text:
        raise LibraryError(0, f"{text!r} has a NUL character: leave it out")
    data = text.encode("utf-16-le", "surrogatepass") + b"\0\0"
    return ctypes.create_string_buffer(data, len(data))


class Library:
    """The functions of the library. A result below 0 raises `LibraryError` with the library's own words."""

    _loaded: Library | None = None
    _lock = threading.Lock()

    def __init__(self, path: str) -> None:
        self._process = os.getpid()
        try:
            self._functions = ctypes.CDLL(path)
            for name, (result, parameters) in _PROTOTYPES.items():
                function = getattr(self._functions, name)
                function.restype, function.argtypes = result, parameters
        except (OSError, AttributeError) as error:
            raise LibraryError(0, f"{path} is not the mt5_redis library for this system: {error}") from None
        self.call("mt5redis_abi", ABI_VERSION, INSTANCE_SIZE, TRADE_SIZE, ctypes.sizeof(SignalStruct))

    @classmethod
    def load(cls) -> Library:
        """The library, loaded once in a process."""
        with cls._lock:
            if cls._loaded is None:
                cls._loaded = cls(_find())
            return cls._loaded

    def call(self, name: str, *arguments: Any) -> int:
        """Calls a function."""
        if self._process != os.getpid():
            raise LibraryError(0, "this process is a fork of one that had loaded the library, whose threads a fork does not have:"
                               " start it by the method 'spawn', or open publishers only in the child")  # fmt: skip
        result: int = getattr(self._functions, name)(*arguments)
        if result < 0:
            raise LibraryError(result, self.text("mt5redis_last_error", 512) or f"{name} failed with {result}")
        return result

    def text(self, name: str, units: int, *arguments: Any) -> str:
        """Calls a function that writes a text."""
        while True:
            buffer = ctypes.create_string_buffer(2 * units)
            length: int = getattr(self._functions, name)(*arguments, buffer, units)
            if length < units:
                return buffer.raw[: 2 * max(length, 0)].decode("utf-16-le", "replace")
            units = length + 1

    def halted(self, handle: int) -> tuple[int, str]:
        """The level of the operator's halt, and who gave it and why."""
        buffer = ctypes.create_string_buffer(2 * 256)
        level = self.call("mt5redis_halted", handle, buffer, 256)
        return level, buffer.raw.decode("utf-16-le", "replace").partition("\0")[0]


def _find() -> str:
    given = os.environ.get("MT5REDIS_LIBRARY")
    if given:
        return given
    packed = Path(__file__).with_name(_NAME)
    if packed.is_file():
        return str(packed)
    installed = ctypes.util.find_library("mt5_redis")
    if installed:
        return installed
    raise LibraryError(
        0,
        f"there is no {_NAME}: publishing needs it, reading does not. Install a wheel for Linux x86-64 or Windows x64, or build"
        " it (cargo build --release) and set MT5REDIS_LIBRARY to its path",
    )
