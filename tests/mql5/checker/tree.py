"""The parts of an MQL5 program, as the parser hands them to what checks and translates them."""

from dataclasses import dataclass, field

from .mistakes import Place


@dataclass
class TypeName:
    """A type as it is written: `const`, a name, `*`, `const`, `&`, and for each `[...]` a size or None."""

    name: str
    place: Place
    const: bool = False
    reference: bool = False
    sizes: list = field(default_factory=list)
    pointer: bool = False
    fixed: bool = False  # the pointer itself is constant

    @property
    def constant(self):
        """Whether the variable keeps its value: `const int` and `CItem *const`, but not `const CItem *`."""
        return self.fixed if self.pointer else self.const


@dataclass
class Expression:
    """kind: number, text, character, date, color, truth, null, name, scoped, this, call, member, index, unary, postfix,
    binary, assign, choice, cast, dynamic, sizeof, typename, new, construct, list."""

    kind: str
    place: Place
    text: str = ""  # the name, the operator, the number as it is written
    parts: list = field(default_factory=list)
    type: TypeName | None = None
    owner: str = ""  # of a scoped name: what stands before ::


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
    """A struct, a class, an interface or a union; the last are a class and a struct for most."""

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
