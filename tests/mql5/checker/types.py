"""MQL5's types, and which conversion between them goes without a word from MetaEditor.

Stricter than MetaEditor on purpose: what it only warns of is a mistake here, for the project's sources
compile without warnings.
"""

from dataclasses import dataclass, field, replace

from .tokens import Mistake

# bits, signed
INTEGERS = {
    "char": (8, True), "uchar": (8, False), "short": (16, True), "ushort": (16, False), "int": (32, True),
    "uint": (32, False), "long": (64, True), "ulong": (64, False),
}  # fmt: skip
FLOATING = {"float", "double"}
NUMBERS = set(INTEGERS) | FLOATING
IN_CPP = {
    "char": "signed char", "uchar": "unsigned char", "short": "short", "ushort": "unsigned short", "int": "int",
    "uint": "unsigned", "long": "long long", "ulong": "unsigned long long", "float": "float", "double": "double",
    "bool": "bool", "datetime": "long long", "color": "unsigned", "string": "mql::String", "void": "void",
}  # fmt: skip
SIZES = {"bool": 1, "datetime": 8, "color": 4, "float": 4, "double": 8} | {
    name: bits // 8 for name, (bits, _) in INTEGERS.items()
}
# Words of C++ that are names in MQL5.
RESERVED = {
    "and", "or", "not", "xor", "asm", "export", "friend", "inline", "mutable", "near", "far", "small", "register",
    "signed", "typename", "union", "unsigned", "using", "volatile", "namespace", "explicit", "requires", "concept",
}  # fmt: skip


def cpp_name(name):
    return name + "_" if name in RESERVED else name


@dataclass(frozen=True)
class Type:
    """`array`: None, or "dynamic", or the number of elements. `kind`: simple, enum, struct, class, pointer, null.
    `bases`: the classes that a pointer's class is derived from."""

    name: str
    kind: str = "simple"
    array: object = None
    bases: tuple = field(default=(), compare=False)

    def __str__(self):
        name = self.name + ("*" if self.kind == "pointer" else "")
        if self.array is None:
            return name
        return f"{name}[{'' if self.array == 'dynamic' else self.array}]"

    @property
    def element(self):
        return replace(self, array=None)

    @property
    def plain(self):
        """Neither an array nor a struct nor a class."""
        return self.array is None and self.kind in ("simple", "enum") and self.name != "void"

    @property
    def number(self):
        return self.array is None and self.name in NUMBERS

    @property
    def integer(self):
        return self.array is None and self.name in INTEGERS

    @property
    def cpp(self):
        one = "int" if self.kind == "enum" else IN_CPP.get(self.name, cpp_name(self.name))
        if self.kind == "pointer":
            one = f"mql::Pointer<{one}>"
        if self.array == "dynamic":
            return f"mql::Array<{one}>"
        return one if self.array is None else f"mql::Fixed<{one},{self.array}>"


VOID, BOOL, INT, LONG, ULONG, UINT, DOUBLE = (
    Type(name) for name in ("void", "bool", "int", "long", "ulong", "uint", "double")
)
STRING, DATETIME, USHORT = Type("string"), Type("datetime"), Type("ushort")
NULL = Type("NULL", "null")


@dataclass
class Value:
    """What an expression is: its type, its C++, whether it is a variable that may be written, and its
    number when that is known now."""

    type: Type
    code: str
    variable: bool = False
    writable: bool = False
    constant: object = None


def fits(number, name):
    if name in FLOATING:
        return True
    bits, signed = INTEGERS[name]
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return isinstance(number, int) and low <= number <= high


def keeps_all(source, target):
    """Whether every number of one type is one of the other."""
    if source in FLOATING or target in FLOATING:
        if source in FLOATING:
            return target == "double" or target == source
        return INTEGERS[source][0] <= (32 if target == "double" else 16)
    (bits, signed), (into, into_signed) = INTEGERS[source], INTEGERS[target]
    if signed == into_signed:
        return bits <= into
    return into_signed and bits < into


def why_not(value, target):
    """Why this value does not become that type by itself; None when it does."""
    source = value.type
    if source == target and target.array is None:
        return None
    if source.array is not None or target.array is not None:
        return f"{source} is no {target}"
    if source.kind == "null":
        return None if target == STRING or target.kind == "pointer" else f"NULL is no {target}"
    if "pointer" in (source.kind, target.kind):
        return None if source.kind == target.kind and target.name in source.bases else f"'{source}' is no '{target}'"
    if "string" in (source.name, target.name):
        return f"implicit conversion from '{source}' to '{target}'"
    if source.kind in ("struct", "class") or target.kind in ("struct", "class") or "void" in (source.name, target.name):
        return f"{source} is no {target}"
    if target.kind == "enum":
        return f"implicit conversion from '{source}' to the enumeration '{target}'"
    if source.kind == "enum":
        return None if target.name in ("int", "long", "double") else f"'{source}' is no '{target}'"
    if target.name == "bool":
        return f"'{source}' is no truth: compare it"
    if source.name == "bool":
        return None if target.name in NUMBERS else f"'{source}' is no '{target}'"
    if target.name in ("datetime", "color") or source.name in ("datetime", "color"):
        if value.constant == 0 or (source.name == "datetime" and target.name == "long"):
            return None
        return f"'{source}' is no '{target}': say it with a cast"
    if value.constant is not None and source.name in INTEGERS and fits(value.constant, target.name):
        return None
    if keeps_all(source.name, target.name):
        return None
    return f"possible loss of data due to type conversion from '{source}' to '{target}'"


def convert(value, target, place, what):
    """The C++ of the value as that type, or a mistake."""
    reason = why_not(value, target)
    if reason:
        raise Mistake(place, f"{what}: {reason}")
    if value.type.kind == "null":
        return f"{target.cpp}()"
    return value.code if value.type.cpp == target.cpp else f"({target.cpp})({value.code})"


def common(left, right):
    """The type in which C++ and MQL5 calculate with two numbers."""
    names = {left.name, right.name}
    if names & FLOATING:
        return DOUBLE if names - {"float"} & NUMBERS else Type("float")
    wide = max(left.name, right.name, key=lambda name: (max(INTEGERS[name][0], 32), not INTEGERS[name][1]))
    bits, signed = INTEGERS[wide]
    if bits < 32:
        return INT
    return {(32, True): INT, (32, False): UINT, (64, True): LONG, (64, False): ULONG}[bits, signed]
