"""The structs of `include/mt5_redis.h`, as ctypes has them."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

PROJECT = Path(__file__).parent.parent.parent
HEADER = (PROJECT / "include/mt5_redis.h").read_text()
_TYPES = {"int64_t": ctypes.c_int64, "int32_t": ctypes.c_int32, "double": ctypes.c_double}


def struct(name):
    """A struct of the header."""
    body = re.search(r"typedef struct \{((?:(?!typedef struct).)*?)\} " + name + ";", HEADER, re.DOTALL)[1]
    fields = [(field, _TYPES[kind]) for kind, field in re.findall(r"^\s*(\w+) (\w+);", body, re.MULTILINE)]
    return type(name, (ctypes.Structure,), {"_fields_": fields})


def constants(prefix):
    """The constants that begin so."""
    return {name: int(value) for name, value in re.findall(rf"#define ({prefix}\w+) (-?\d+)", HEADER)}
