"""The tables of MQL5's functions, types and constants, and the C++ header generated from them.

`reference.tsv` lists what the stand-in terminal implements; this project's own sources use nothing else. The tables in
`known/` list what the checker knows in addition, for other programs. The stand-in is compiled against the generated
header: a function that the tables lack does not compile, and one that the stand-in lacks does not link.
"""

import zlib
from pathlib import Path

from .mistakes import Findings, Place
from .parser import Parser
from .tokens import Token, tokens_of
from .types import Type, cpp_name

HERE = Path(__file__).parent.parent
TABLE = HERE / "reference.tsv"
KNOWN = HERE / "known"
# Words used for types; `generic.h` has these functions as templates.
GENERIC = {"number", "any", "enumeration"}
NOT_PLAYED = '{{ mql::not_played("{}"); }}'


class Reference:
    """`known`: also read the tables of what the stand-in does not implement."""

    def __init__(self, table=TABLE, known=False):
        self.enumerations = {}  # name: {member: number}
        self.constants = {}  # name: (Type, number)
        self.structs = {}  # name: [(type name, field)]
        self.functions = {}  # name: [prototype]
        self.handlers = {}  # name: [prototype]
        self.variables = {}
        self.variadic = {}  # name: the parameters before the dots
        self._read([table])
        self.played_handlers = {name: prototypes[0] for name, prototypes in self.handlers.items()}
        self.played = {name: list(prototypes) for name, prototypes in self.functions.items()}
        self.played_variadic, self.played_variables = set(self.variadic), set(self.variables)
        self.played_constants = set(self.constants)
        if known:
            self._read(sorted(KNOWN.glob("*.tsv")))

    def _read(self, tables):
        lines = [line for table in tables for line in table.read_text().splitlines()]
        rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
        for row in rows:
            if len(row) != 5 or not all(row):
                raise ValueError(f"a row has five columns, not {row}")
            kind, owner, declaration, number, _ = row
            if kind == "enum":
                for name in declaration.split():
                    self._add_member(owner, name, number)
            elif kind == "constant":
                self._add_constants(owner, declaration, number)
            elif kind == "struct":
                self.structs.setdefault(owner, []).append(declaration.split())
        for kind, _, declaration, _, _ in rows:
            if kind == "variable":
                type_name, name = declaration.split()
                self.variables[name] = type_name
            elif kind in ("function", "handler"):
                self._add_function(kind, declaration)
            elif kind not in ("enum", "constant", "struct"):
                raise ValueError(f"unknown kind {kind}")

    @property
    def types(self):
        return set(self.enumerations) | set(self.structs)

    def type(self, name):
        if name in self.enumerations:
            return Type(name, "enum")
        return Type(name, "struct" if name in self.structs else "simple")

    def _add_member(self, owner, name, number):
        members = self.enumerations.setdefault(owner, {})
        if name in members:
            return  # in both tables
        if number == "-":
            # Distinct, not 0, 1 or 2, and the same in every run.
            number = 1000 + zlib.crc32(owner.encode()) % 1000 * 1000 + 7 * (len(members) + 1)
        members[name] = int(number)
        self.constants[name] = (Type(owner, "enum"), int(number))

    def _add_constants(self, owner, declaration, number):
        """One constant with its number, or several as NAME=number, or NAME if the reference gives no number."""
        for part in declaration.split():
            name, _, value = part.partition("=")
            value = value or (number if number != "-" else str(1000 + zlib.crc32(name.encode()) % 1000000))
            self.constants[name] = (Type(owner), float(value) if owner in ("double", "float") else int(value))

    def _add_function(self, kind, declaration):
        dots = "..." in declaration
        plain = declaration.replace(", ...", "").replace("...", "")
        prototype = parse(plain.replace("void &", "any &"), self.types)
        if dots:
            self.variadic[prototype.name] = prototype
        elif kind == "handler":
            self.handlers.setdefault(prototype.name, []).append(prototype)
        else:
            self.functions.setdefault(prototype.name, []).append(prototype)

    def generic(self):
        """The implemented functions that are C++ templates in `generic.h`."""
        return {name for name, prototypes in self.played.items() if is_generic(prototypes[0])} | {"ArraySort", "ArrayBsearch"}

    def header(self):
        """The generated header: everything except the templates."""
        lines = ["// Made of reference.tsv and known/.", "#pragma once", '#include "language.h"', "namespace api {"]
        for name in sorted(self.played_constants):  # programs contain the numbers of the others
            lines.append(f"constexpr int {name} = {self.constants[name][1]};")
        lines.append("#pragma pack(push, 1)")
        for name, fields in self.structs.items():
            body = " ".join(f"{self.type(kind).cpp} {cpp_name(field)}{{}};" for kind, field in fields)
            lines.append(f"struct {name} {{ {body} }};")
        lines.append("#pragma pack(pop)")
        for name, kind in self.variables.items():
            played = name in self.played_variables
            lines.append(f"{self.type(kind).cpp} {name}();" if played else f"inline {self.type(kind).cpp} {name}() {NOT_PLAYED.format(name)}")
        generic = self.generic()
        for name in sorted(set(self.functions) - generic):
            played = self.played.get(name, [])
            lines += [self.prototype(one) + ";" for one in played]
            heads = {self.prototype(one) for one in played}  # only the checker distinguishes const
            lines += [self.unplayed(one) for one in self.functions[name] if self.prototype(one) not in heads]
        for name in sorted(set(self.variadic) - self.played_variadic):
            lines.append(self.unplayed(self.variadic[name], variadic=True))
        lines.append("}")
        return "\n".join(lines) + "\n"

    def prototype(self, function, variadic=False):
        parameters = [self.parameter(part) for part in function.parameters]
        if variadic:
            kind = "Argument" if function.name == "printf" else "String"
            parameters.append(f"std::initializer_list<mql::{kind}> values")
        return f"{self.type(function.result.name).cpp} {function.name}({', '.join(parameters)})"

    def unplayed(self, function, variadic=False):
        """A function that the stand-in does not implement: a program that calls it ends."""
        head = self.template(function) if is_generic(function) else f"inline {self.prototype(function, variadic)}"
        return f"{head} {NOT_PLAYED.format(function.name)}"

    def template(self, function):
        """The head of a function template."""
        names, parameters = [], []
        for at, part in enumerate(function.parameters):
            if part.type.name not in GENERIC:
                parameters.append(self.parameter(part))
            elif part.type.name == "number":
                names = ["T"]
                parameters.append(f"T {part.name}")
            else:
                names.append(f"T{at}")
                parameters.append(f"{names[-1]} &&{part.name}")
        result = "T" if function.result.name == "number" else self.type(function.result.name).cpp
        words = ", ".join(f"class {name}" for name in names)
        return f"template <{words}> {result} {function.name}({', '.join(parameters)})"

    def parameter(self, part):
        one = self.type(part.type.name)
        if part.type.sizes:
            return f"mql::View<{one.cpp}> {part.name}"
        return f"{one.cpp} {'&' if part.type.reference else ''}{part.name}"

    def definitions(self):
        """A file that refers to each function that the stand-in must define."""
        names = sorted(set(self.played) - self.generic())
        pointers = []
        for name in names:
            for function in self.played[name]:
                parameters = ", ".join(self.parameter(part) for part in function.parameters)
                result = self.type(function.result.name).cpp
                pointers.append(f"  (void *)static_cast<{result} (*)({parameters})>(api::{name}),")
        variables = [f"  (void *)static_cast<{self.type(self.variables[name]).cpp} (*)()>(api::{name}),"
                     for name in sorted(self.played_variables)]  # fmt: skip
        return '#include "api.h"\nusing namespace api;\nvoid *all_of_the_reference[] = {\n' + "\n".join(pointers + variables) + "\n};\n"


def is_generic(prototype):
    return any(part.type.name in GENERIC for part in prototype.parameters)


def parse(prototype, types):
    """One prototype, as a tree."""
    place = Place(TABLE, 1)
    tokens = [*tokens_of(prototype + ";", place), Token("end", "end of file", place)]
    parser = Parser(tokens, set(types) | GENERIC, Findings())
    parser.declaration()
    return parser.program.functions[0]
