"""Implicit conversions between MQL5's types, and their C++.

Stricter than MetaEditor on purpose: what it only warns about, and some of what it accepts, is a doubt.
"""

from .mistakes import Doubt
from .types import DOUBLE, FLOAT, FLOATING, INT, INTEGERS, LONG, NUMBERS, STRING, UINT, ULONG, WHOLE, Type, Value


def fits(number, name):
    if name in FLOATING:
        return True
    bits, signed = INTEGERS[name]
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return isinstance(number, int) and low <= number <= high


def keeps_all(source, target):
    """Whether the target type can represent every number of the source type."""
    if source in FLOATING or target in FLOATING:
        if source in FLOATING:
            return target == "double" or target == source
        return INTEGERS[source][0] <= (32 if target == "double" else 16)
    (bits, signed), (into, into_signed) = INTEGERS[source], INTEGERS[target]
    if signed == into_signed:
        return bits <= into
    return into_signed and bits < into


def why_not(value, target):
    """Why a value does not convert to a type implicitly; None if it does."""
    source = value.type
    if source == target and target.array is None:
        return f"'{source}' is not '{target}'" if source.guarded and not target.guarded else None
    if source.array is not None or target.array is not None:
        return f"{source} is not {target}"
    if source.kind == "null":
        if target == STRING or target.kind == "pointer":
            return None
        return Doubt(f"NULL is not {target}") if target.plain else f"NULL is not {target}"
    if "pointer" in (source.kind, target.kind):
        return pointer_why_not(value, target)
    if "void" in (source.name, target.name):
        return f"{source} is not {target}"
    if "string" in (source.name, target.name):
        reason = f"implicit conversion from '{source}' to '{target}'"
        if not (source.plain and target.plain) or target.kind == "enum" or target.name == "bool":
            return reason
        doubt = Doubt(reason)
        doubt.weight = 100  # overloads for numbers come before those for strings
        return doubt
    if not (source.plain and target.plain):
        return None if target.name in source.bases else f"{source} is not {target}"
    if target.kind == "enum":
        reason = f"implicit conversion from '{source}' to the enumeration '{target}'"
        return enumeration_why_not(value, target, reason)
    return number_why_not(value, target)


def enumeration_why_not(value, target, reason):
    """MetaEditor accepts a constant that is the number of a member, and any variable."""
    if isinstance(value.constant, int):
        if value.named == "WRONG_VALUE":
            return None
        return Doubt(reason) if not target.members or value.constant in target.members else reason
    return Doubt(reason) if value.type.countable else reason


def pointer_why_not(value, target):
    source = value.type
    if target.name == "bool":
        return Doubt(f"'{source}' is not a bool: compare it with NULL")
    if source.kind == target.kind and source.name in target.bases and (target.guarded or not source.guarded):
        return Doubt(f"'{source}' is not '{target}' for sure")
    if source.kind != target.kind or target.name not in (source.name, *source.bases):
        return f"'{source}' is not '{target}'"
    return f"'{source}' is not '{target}'" if source.guarded and not target.guarded else None


def number_why_not(value, target):
    source = value.type
    if source.flags and target.integer:
        return None
    if source.kind == "enum":
        return None if target.name in ("int", "long", "double") else Doubt(f"'{source}' is not '{target}'")
    if target.name == "bool":
        return Doubt(f"'{source}' is not a bool: compare it")
    if source.name == "bool":
        return None if target.name in NUMBERS else Doubt(f"'{source}' is not '{target}'")
    if target.name in ("datetime", "color") or source.name in ("datetime", "color"):
        if value.constant == 0 or (source.name == "datetime" and target.name == "long"):
            return None
        return Doubt(f"'{source}' is not '{target}': write a cast")
    if value.constant is not None and source.name in INTEGERS and fits(value.constant, target.name):
        return None
    if keeps_all(source.name, target.name):
        return None
    return Doubt(f"possible loss of data due to type conversion from '{source}' to '{target}'")


def converted(value, target):
    """The C++ of a value converted to a type."""
    if value.type.kind == "null":
        return f"{target.cpp}()"
    if target.name == "string" and value.type != STRING:
        return as_text(value)
    if value.type == STRING and target != STRING:
        return f"mql::number<{target.cpp}>({value.code})"
    if value.type.kind == target.kind == "pointer" and value.type.name in target.bases:
        return f"mql::narrowed<{Type(target.name, 'class').cpp}>({value.code})"
    if value.type.kind == "pointer" and target.name == "bool":
        return f"({value.code}).valid()"
    return value.code if value.type.cpp == target.cpp else f"({target.cpp})({value.code})"


def as_text(value):
    """The C++ of a value as Print shows it."""
    if value.type == STRING:
        return value.code
    if value.type.name == "datetime":
        return f"mql::text_of_time({value.code})"
    return f"mql::text({value.code})"


def convert(value, target, place, what, findings):
    """The C++ of a value converted to a type, if that is allowed."""
    reason = why_not(value, target)
    if reason:
        said = type(reason)(f"{what}: {reason}")
        if isinstance(reason, Doubt):
            said.weight = reason.weight
        findings.tell(place, said)
    return converted(value, target)


def as_number(value):
    """A datetime, color, bool or enumeration as a number for arithmetic."""
    name = "int" if value.type.kind == "enum" else WHOLE.get(value.type.name)
    return Value(Type(name), value.code, constant=value.constant) if name else value


def common(left, right):
    """The common type of two numbers, as in C++."""
    names = {left.name, right.name}
    if names & FLOATING:
        return DOUBLE if names - {"float"} & NUMBERS else FLOAT
    wide = max(left.name, right.name, key=lambda name: (max(INTEGERS[name][0], 32), not INTEGERS[name][1]))
    bits, signed = INTEGERS[wide]
    if bits < 32:
        return INT
    return {(32, True): INT, (32, False): UINT, (64, True): LONG, (64, False): ULONG}[bits, signed]
