"""The table `reference.tsv`: what MQL5 offers to a program, and the C++ header made of it.

The checker knows no other function, struct or constant than the table's, and the stand-in terminal is
compiled against the header that is made of it: a function that it defines and the table lacks does not compile,
one that the table has and it lacks does not link.
"""

import zlib
from pathlib import Path

from .parser import Parser
from .tokens import SHAPES, Place, Token
from .types import Type, cpp_name

TABLE = Path(__file__).parent.parent / "reference.tsv"
# Prose in the place of a type; `generic.h` has these functions as templates.
GENERIC = {"number", "any"}


class Reference:
    def __init__(self, table=TABLE):
        rows = [line.split("\t") for line in table.read_text().splitlines() if line and not line.startswith("#")]
        for row in rows:
            if len(row) != 5 or not all(row):
                raise ValueError(f"{table.name}: five columns are wanted: {row}")
        self.enumerations = {}  # name: {member: number}
        self.constants = {}  # name: (Type, number)
        self.structs = {}  # name: [(type name, field)]
        self.functions = {}  # name: [prototype]
        self.handlers = {}
        self.variables = {}
        self.variadic = {}  # name: the parameters before the dots
        for kind, owner, declaration, number, _ in rows:
            if kind == "enum":
                self._add_member(owner, declaration, number)
            elif kind == "constant":
                self.constants[declaration] = (Type(owner), int(number))
            elif kind == "struct":
                self.structs.setdefault(owner, []).append(declaration.split())
        for kind, _, declaration, _, _ in rows:
            if kind == "variable":
                type_name, name = declaration.split()
                self.variables[name] = type_name
            elif kind in ("function", "handler"):
                self._add_function(kind, declaration)
            elif kind not in ("enum", "constant", "struct"):
                raise ValueError(f"{table.name} knows no kind {kind}")

    @property
    def types(self):
        return set(self.enumerations) | set(self.structs)

    def type(self, name):
        if name in self.enumerations:
            return Type(name, "enum")
        return Type(name, "struct" if name in self.structs else "simple")

    def _add_member(self, owner, name, number):
        members = self.enumerations.setdefault(owner, {})
        if number == "-":
            # Unlike each other, unlike 0, 1, 2, and the same in every run.
            number = 1000 + zlib.crc32(owner.encode()) % 1000 * 1000 + 7 * (len(members) + 1)
        members[name] = int(number)
        self.constants[name] = (Type(owner, "enum"), int(number))

    def _add_function(self, kind, declaration):
        dots = "..." in declaration
        plain = declaration.replace(", ...", "").replace("...", "")
        prototype = parse(plain.replace("void &", "any &"), self.types)
        if dots:
            self.variadic[prototype.name] = prototype
        elif kind == "handler":
            self.handlers[prototype.name] = prototype
        else:
            self.functions.setdefault(prototype.name, []).append(prototype)

    def generic(self):
        """The functions that are templates in C++."""
        return {
            name
            for name, prototypes in self.functions.items()
            if any(part.type.name in GENERIC for part in prototypes[0].parameters)
        } | {"ArraySort", "ArrayBsearch"}

    def header(self):
        """The C++ of all that is no template."""
        lines = ["// Made of reference.tsv.", "#pragma once", '#include "language.h"', "namespace api {"]
        for name, (_, number) in sorted(self.constants.items()):
            lines.append(f"constexpr int {name} = {number};")
        lines.append("#pragma pack(push, 1)")
        for name, fields in self.structs.items():
            body = " ".join(f"{self.type(kind).cpp} {cpp_name(field)}{{}};" for kind, field in fields)
            lines.append(f"struct {name} {{ {body} }};")
        lines.append("#pragma pack(pop)")
        for name, kind in self.variables.items():
            lines.append(f"{self.type(kind).cpp} {name}();")
        for name in sorted(set(self.functions) - self.generic()):
            lines += [self.prototype(function) for function in self.functions[name]]
        lines.append("}")
        return "\n".join(lines) + "\n"

    def prototype(self, function):
        parameters = ", ".join(self.parameter(part) for part in function.parameters)
        return f"{self.type(function.result.name).cpp} {function.name}({parameters});"

    def parameter(self, part):
        one = self.type(part.type.name)
        if part.type.sizes:
            return f"mql::View<{one.cpp}> {part.name}"
        return f"{one.cpp} {'&' if part.type.reference else ''}{part.name}"

    def definitions(self):
        """The names that the stand-in must define, for a file that refers to each of them."""
        names = sorted(set(self.functions) - self.generic())
        pointers = []
        for name in names:
            for function in self.functions[name]:
                parameters = ", ".join(self.parameter(part) for part in function.parameters)
                result = self.type(function.result.name).cpp
                pointers.append(f"  (void *)static_cast<{result} (*)({parameters})>(api::{name}),")
        variables = [f"  (void *)api::{name}," for name in self.variables]
        return '#include "api.h"\nusing namespace api;\nvoid *all_of_the_reference[] = {\n' + "\n".join(pointers + variables) + "\n};\n"


def parse(prototype, types):
    """One prototype, as a tree."""
    place = Place(TABLE, 1)
    shapes = [shape for shape in SHAPES.finditer(prototype + ";") if shape.lastgroup != "space"]
    tokens = [Token(shape.lastgroup, shape.group(), place) for shape in shapes]
    parser = Parser([*tokens, Token("end", "end of file", place)], set(types) | GENERIC)
    parser.declaration()
    return parser.program.functions[0]
