"""Literals: numbers, strings, dates and colors."""

import calendar
import re
import time

from .mistakes import Doubt

ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}
ESCAPE = re.compile(r"\\([xX][0-9a-fA-F]{1,4}|\d{1,5}|.)", re.DOTALL)
DAY = r"(\d+)[./-](\d+)[./-](\d+)"
CLOCK = r"(\d+)(?::(\d+)(?::(\d+))?)?"


def number(text):
    """A number, as int or float."""
    if re.fullmatch(r"0[xX][0-9a-fA-F]+|0[bB][01]+", text):
        return int(text, 0)
    return int(text) if text.isdigit() else float(text.rstrip("fF"))


def character(text):
    return ord(text) if len(text) == 1 else 0


def plain_text(text):
    """A text with its escapes replaced."""

    def one(match):
        code = match[1]
        if code[0] in "xX" and len(code) > 1:
            return chr(int(code[1:], 16))
        return chr(int(code) & 0xFFFF) if code.isdigit() else ESCAPES.get(code, code)

    return ESCAPE.sub(one, text)


def unknown_escape(text):
    """The first unknown escape; None if there is none."""
    for match in ESCAPE.finditer(text):
        if len(match[1]) == 1 and match[1] not in ESCAPES and not match[1].isdigit():
            return match[0]
    return None


def cpp_text(text):
    data = text.encode("utf-16-le", "surrogatepass")
    units = (int.from_bytes(data[at : at + 2], "little") for at in range(0, len(data), 2))
    codes = "".join(chr(unit) if 32 <= unit < 127 and chr(unit) not in '"\\?' else f'\\x{unit:x}""' for unit in units)
    return f'mql::String(u"{codes}")'


def moment(text):
    """The seconds since 1970 of D'...', and why it is wrong (or None)."""
    inside = text[2:-1].strip()
    found = re.fullmatch(rf"(?:{DAY})?(?:(?:^|\s+){CLOCK})?", inside)
    if not found:
        return 0, f"{text} is not a date"
    first, second, third, *clock = (int(part) if part else 0 for part in found.groups())
    wrong = None
    if not found[1]:
        today = time.gmtime()
        year, month, day = today.tm_year, today.tm_mon, today.tm_mday
        wrong = Doubt(f"{text} has no day")
    else:
        year, month, day = (first, second, third) if len(found[1]) == 4 else (third, second, first)
        year += 0 if year >= 100 else 2000 if year < 70 else 1900
    good = 1970 <= year <= 3000 and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]
    if not good or clock[0] > 23 or clock[1] > 59 or clock[2] > 59:
        return 0, Doubt(f"{text} is not a date")
    return calendar.timegm((year, month, day, *clock, 0, 0, 0)), wrong


def color(text):
    """The number of C'...', and why it is wrong (or None)."""
    parts = [part.strip() for part in text[2:-1].split(",")]
    if len(parts) != 3 or not all(re.fullmatch(r"\d+|0[xX][0-9a-fA-F]+", part) for part in parts):
        return 0, f"{text} is not a color: it needs three numbers"
    red, green, blue = (int(part, 16) if part[:2].lower() == "0x" else int(part) for part in parts)
    wrong = Doubt(f"{text} is not a color: each part is 0 to 255") if max(red, green, blue) > 255 else None
    return (blue & 255) << 16 | (green & 255) << 8 | (red & 255), wrong


def cpp_number(number, kind):
    """The C++ of a constant of a type."""
    if isinstance(number, float):
        return f"({number!r})"
    whole = f"({number + 1}LL - 1)" if number == -(2**63) else f"{number}{'ULL' if number >= 2**63 else 'LL'}"
    return f"({kind.cpp})({whole})"
