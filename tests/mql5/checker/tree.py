"""The parts of an MQL5 program, as the parser hands them to what checks and translates them."""

from dataclasses import dataclass, field

from .tokens import Place


@dataclass
class TypeName:
    """A type as it is written: `const`, a name, `*`, `&`, and for each `[...]` a size or None."""

    name: str
    place: Place
    const: bool = False
    reference: bool = False
    sizes: list = field(default_factory=list)
    pointer: bool = False


@dataclass
class Expression:
    """kind: number, text, character, date, truth, null, name, this, call, member, index, unary, postfix,
    binary, assign, choice, cast, sizeof, new, construct, list."""

    kind: str
    place: Place
    text: str = ""  # the name, the operator, the number as it is written
    parts: list = field(default_factory=list)
    type: TypeName | None = None


@dataclass
class Variable:
    type: TypeName
    name: str
    place: Place
    value: Expression | None = None
    static: bool = False
    input: bool = False
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
    access: str = "public"
    bases: list = field(default_factory=list)  # a constructor's initialisers: (name, arguments, place)
    library: str = ""  # of an import
    end: Place | None = None


@dataclass
class Record:
    """A struct or a class."""

    kind: str
    name: str
    place: Place
    base: str = ""
    fields: list = field(default_factory=list)
    methods: list = field(default_factory=list)


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
