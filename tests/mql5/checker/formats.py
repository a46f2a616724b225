"""The formats of PrintFormat and StringFormat."""

import re

from .types import STRING

FORMAT = re.compile(r"%%|%[-+ 0#]*(?:\d+|\*)?(?:\.(?:\d+|\*)?)?(I64|I32|ll|l|h)?(.)")


def format_why_not(text, values):
    """Why a format does not fit these values; None if it does."""
    shapes = [shape for shape in FORMAT.finditer(text) if shape.group() != "%%"]
    if len(shapes) != len(values):
        return f"the format needs {len(shapes)} values, {len(values)} are passed"
    for shape, value in zip(shapes, values):
        size, letter = shape.groups()
        if letter in "diuxX":
            wide = value.type.name in ("long", "ulong")
            good = value.type.integer and wide == (size in ("I64", "ll"))
        elif letter in "feEgG":
            good = value.type.name in ("double", "float")
        elif letter == "s":
            good = value.type == STRING
        else:
            good = False
        if not good:
            return f"{shape.group()} cannot print '{value.type}'"
    return None
