"""The syntax tree that the parser builds, and a walk over it."""

from dataclasses import dataclass, field, fields, is_dataclass

from .mistakes import Place


@dataclass
class TypeName:
    """A type as written: `const`, name, `*`, `const`, `&`, and for each `[...]` a size or None."""

    name: str
    place: Place
    const: bool = False
    reference: bool = False
    sizes: list = field(default_factory=list)
    pointer: bool = False
    fixed: bool = False  # the pointer itself is constant

    @property
    def constant(self):
        """Whether the variable itself is constant: `const int` and `CItem *const`, but not `const CItem *`."""
        return self.fixed if self.pointer else self.const


@dataclass
class Expression:
    """kind: number, text, character, date, color, truth, null, name, scoped, this, call, member, index, unary, postfix,
    binary, assign, choice, cast, dynamic, sizeof, typename, new, construct, list."""

    kind: str
    place: Place
    text: str = ""  # the name, operator or literal
    parts: list = field(default_factory=list)
    type: TypeName | None = None
    owner: str = ""  # of a scoped name: the name before ::


@dataclass
class Variable:
    type: TypeName
    name: str
    place: Place
    value: Expression | None = None
    static: bool = False
    input: bool = False
    extern: bool = False  # it is declared elsewhere
    access: str = "public"


@dataclass
class Function:
    result: TypeName
    name: str
    place: Place
    parameters: list
    body: list | None = None
    owner: str = ""  # the class
    const: bool = False
    static: bool = False
    virtual: bool = False
    override: bool = False
    final: bool = False
    pure: bool = False  # = 0
    access: str = "public"
    bases: list = field(default_factory=list)  # a constructor's initialisers: (name, arguments, place)
    library: str = ""  # of an import
    end: Place | None = None


@dataclass
class Record:
    """A struct, class, interface (kind class) or union (kind struct)."""

    kind: str
    name: str
    place: Place
    base: str = ""
    fields: list = field(default_factory=list)
    methods: list = field(default_factory=list)
    templates: list = field(default_factory=list)  # of methods: (names of the types, function)
    union: bool = False


@dataclass
class Enumeration:
    name: str
    place: Place
    members: list  # (name, expression or None, place)


@dataclass
class Statement:
    """kind: block, variables, expression, if, for, while, do, switch, return, break, continue, delete, empty."""

    kind: str
    place: Place
    parts: list = field(default_factory=list)


@dataclass
class Program:
    records: list = field(default_factory=list)
    enumerations: list = field(default_factory=list)
    functions: list = field(default_factory=list)
    templates: list = field(default_factory=list)  # (names of the types, function)
    variables: list = field(default_factory=list)
    imports: list = field(default_factory=list)
    statics: list = field(default_factory=list)  # values of static members: (class, variable)


def walk(part):
    """A part of the tree and everything in it."""
    yield part
    inner = part if isinstance(part, (list, tuple)) else []
    if is_dataclass(part) and not isinstance(part, Place):
        inner = [getattr(part, field.name) for field in fields(part)]
    for one in inner:
        yield from walk(one)
