"""MQL5's types, and the values of expressions."""

from dataclasses import dataclass, field, replace

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
WHOLE = {"bool": "int", "color": "uint", "datetime": "long"}  # the type each one is calculated with
SIZES = {"bool": 1, "datetime": 8, "color": 4, "float": 4, "double": 8} | {
    name: bits // 8 for name, (bits, _) in INTEGERS.items()
}
# Keywords of C++ that are ordinary names in MQL5.
RESERVED = {
    "and", "or", "not", "xor", "asm", "export", "friend", "inline", "mutable", "near", "far", "small", "register",
    "signed", "typename", "union", "unsigned", "using", "volatile", "namespace", "explicit", "requires", "concept",
    "auto", "goto", "try", "catch", "throw", "typeid", "friend", "constexpr", "consteval", "constinit", "decltype",
    "noexcept", "nullptr", "static_assert", "thread_local", "wchar_t", "char8_t", "char16_t", "char32_t", "alignas",
    "alignof", "and_eq", "bitand", "bitor", "compl", "not_eq", "or_eq", "xor_eq", "co_await", "co_return", "co_yield",
    "const_cast", "reinterpret_cast", "static_cast", "std", "mql", "api", "main", "unix", "linux", "globals",
}  # fmt: skip


def cpp_name(name):
    if not name.isascii():
        return "".join(letter if letter.isascii() else f"_x{ord(letter):x}" for letter in name)
    return name + "_" if name in RESERVED else name


@dataclass(frozen=True)
class Type:
    """`array`: None, "dynamic" or the number of elements. `inner`: the sizes of an array's other dimensions. `kind`:
    simple, enum, struct, class, pointer, null. `bases`: the base classes of a pointer's class. `guarded`: a pointer to a
    constant object. `members`: the numbers of an enumeration, as far as they are known."""

    name: str
    kind: str = "simple"
    array: object = None
    bases: tuple = field(default=(), compare=False)
    inner: tuple = ()
    guarded: bool = field(default=False, compare=False)
    members: tuple = field(default=(), compare=False)

    def __str__(self):
        name = self.name + ("*" if self.kind == "pointer" else "")
        if self.array is None:
            return ("const " if self.guarded else "") + name
        return name + "".join(f"[{'' if size == 'dynamic' else size}]" for size in (self.array, *self.inner))

    @property
    def element(self):
        if self.inner:
            return replace(self, array=self.inner[0], inner=self.inner[1:])
        return replace(self, array=None)

    @property
    def single(self):
        """The elements of an array of any number of dimensions."""
        return replace(self, array=None, inner=())

    @property
    def plain(self):
        """Whether it is neither an array nor a struct nor a class."""
        return self.array is None and self.kind in ("simple", "enum") and self.name != "void"

    @property
    def is_pointer(self):
        return self.array is None and self.kind == "pointer"

    @property
    def is_object(self):
        """Whether it is an object of a class, and not a struct."""
        return self.array is None and self.kind == "class"

    @property
    def number(self):
        return self.array is None and self.name in NUMBERS

    @property
    def integer(self):
        return self.array is None and self.name in INTEGERS

    @property
    def countable(self):
        """Whether it is an integer underneath, like datetime, color, bool and enumerations."""
        return self.array is None and (self.kind == "enum" or self.name in INTEGERS or self.name in WHOLE)

    @property
    def flags(self):
        """Whether it is a built-in enumeration whose members are combined with |."""
        return self.array is None and self.kind == "enum" and self.name.endswith("_FLAGS") and not self.members

    @property
    def cpp(self):
        if self.array is not None:
            return f"mql::Array<{self.element.cpp}>" if self.array == "dynamic" else f"mql::Fixed<{self.element.cpp},{self.array}>"
        one = "int" if self.kind == "enum" else IN_CPP.get(self.name, cpp_name(self.name))
        return f"mql::Pointer<{one}>" if self.kind == "pointer" else one


VOID, BOOL, INT, LONG, ULONG, UINT, DOUBLE = (
    Type(name) for name in ("void", "bool", "int", "long", "ulong", "uint", "double")
)
STRING, DATETIME, COLOR, USHORT, FLOAT = (Type(name) for name in ("string", "datetime", "color", "ushort", "float"))
NULL = Type("NULL", "null")


@dataclass
class Value:
    """An expression: its type, its C++, whether it is a variable and may be written, its number if it is constant, and
    the name of that constant."""

    type: Type
    code: str
    variable: bool = False
    writable: bool = False
    constant: object = None
    named: str = ""
