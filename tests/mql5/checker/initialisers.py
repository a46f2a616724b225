"""Local variables and their initialisers."""

from .conversions import convert
from .expressions import Expressions
from .mistakes import Mistake
from .types import STRING, cpp_name


class Initialisers(Expressions):
    def variables_part(self, part):
        for variable in part.parts:
            self.variable(variable)
        return False

    def variable(self, variable):
        written = variable.type
        kind = self.symbols.type(written)
        if variable.static and (not kind.plain or kind == STRING):
            self.hoist(variable, kind)
            return
        code = None
        if variable.value is not None:
            kind, code = self.first_value(variable, kind)
        elif written.constant:
            raise Mistake(variable.place, f"constant '{variable.name}' has no value")
        elif kind.name in self.symbols.reference.structs and kind.array is None:
            name = variable.name
            self.findings.doubt(variable.place, f"'{name}' is not initialised: write {name}={{}}")
        local = self.declare(variable, kind, written.constant)
        if code is not None or variable.static or kind.name == "string":
            self.assigned.add(variable.name)
        prefix = ("" if self.findings.strict else "[[maybe_unused]] ") + "static thread_local " * variable.static
        if code is None and variable.static:
            code = f"{kind.cpp}()"
        elif code is None and kind.plain and not self.findings.strict:
            code = f"mql::unset<{kind.cpp}>()"  # a foreign program may read it uninitialised
        self.emit(variable.place, f"{prefix}{kind.cpp} {local.code}{f' = {code}' if code is not None else ''};")

    def hoist(self, variable, kind):
        """Makes a static variable that owns memory a global one."""
        code = f"{kind.cpp}()" if kind.plain else ""
        if variable.value is not None:
            scopes, self.scopes = self.scopes, []
            kind, code = self.first_value(variable, kind)
            self.scopes = scopes
        local = self.declare(variable, kind, variable.type.constant)
        name = f"{local.code}__{len(self.symbols.hoisted)}"
        self.symbols.hoisted.append(f"{kind.cpp} {name}{f' = {code}' if code else ''};")
        local.code = f"globals->{name}"
        self.assigned.add(variable.name)

    def first_value(self, variable, kind):
        """The type and the C++ of a variable's initialiser."""
        value = variable.value
        if value.kind == "list":
            return self.list_of(value, kind)
        if value.kind == "construct" and value.text == kind.name and kind.array is None and kind.kind in ("class", "struct"):
            return kind, f"{kind.cpp}({self.constructed(value)})"
        if kind.array is not None:
            raise Mistake(variable.place, f"array {variable.name} needs a list of values")
        return kind, self.as_type(value, kind, f"initialiser of {variable.name}")

    def initialised(self, field, arguments, place):
        """The C++ of a member in a constructor's initialiser list."""
        kind = self.symbols.type(field.type)
        if kind.kind in ("class", "struct") and kind.array is None:
            methods, _ = self.symbols.methods(kind.name, kind.name)
            if methods:
                return self.chosen(methods, arguments, place)[1]
        if len(arguments) != 1:
            raise Mistake(place, f"{field.name} needs one value")
        return self.as_type(arguments[0], kind, f"initialiser of {field.name}")

    def list_of(self, expression, kind):
        """The type and the C++ of a braced list."""
        if kind.array is None and kind.kind == "struct":
            return kind, self.struct_of(expression, kind)
        if kind.array is None:
            raise Mistake(expression.place, f"a list of values for '{kind}', which is not an array")
        codes = [self.element_of(part, kind) for part in expression.parts]
        whole = kind.array
        for size in kind.inner if any(part.kind != "list" for part in expression.parts) else ():
            whole = whole if whole == "dynamic" else whole * size
        if whole != "dynamic" and len(codes) > whole:
            raise Mistake(expression.place, f"{len(codes)} values for {whole} elements")
        return kind, f"{kind.cpp}{{{', '.join(codes)}}}"

    def element_of(self, part, kind):
        if part.kind == "list":
            return self.list_of(part, kind.element)[1]
        return self.as_type(part, kind.single, "element of a list")

    def struct_of(self, expression, kind):
        parts = expression.parts
        simple = kind.name in self.symbols.reference.structs or self.symbols.is_simple(kind.name)
        if not parts and simple:
            return f"mql::zeroed<{kind.cpp}>()"
        if not simple:
            reason = f"'{kind}' has strings, arrays or objects: set its fields one by one"
            self.findings.doubt(expression.place, reason)
        fields = self.fields_of(kind.name)
        if len(parts) > len(fields):
            raise Mistake(expression.place, f"{len(parts)} values for {len(fields)} fields of '{kind}'")
        sets = []
        for at, (name, field) in enumerate(fields):
            code = f"{field.cpp}{{}}"
            if at < len(parts):
                what = f"field {name} of a list"
                code = self.list_of(parts[at], field)[1] if parts[at].kind == "list" else self.field_of(parts[at], field, what)
            sets.append(f"made.{cpp_name(name)} = {code};")
        return f"[&] {{ {kind.cpp} made; {' '.join(sets)} return made; }}()"

    def field_of(self, part, field, what):
        zero = part.kind == "number" and part.text == "0"
        if zero and (field.array is not None or not field.plain or field.name == "string"):
            return f"{field.cpp}{{}}"  # {0} zeroes everything
        return convert(self.value(part), field, part.place, what, self.findings)

    def fields_of(self, name):
        """The names and types of a struct's fields, those of its bases first."""
        if name in self.symbols.reference.structs:
            return [(field, self.symbols.reference.type(kind)) for kind, field in self.symbols.reference.structs[name]]
        found = [field for base in self.symbols.own_base(name) for field in self.fields_of(base)]
        for record in reversed(list(self.symbols.lineage(name))):
            found += [(field.name, self.symbols.type(field.type)) for field in record.fields if not field.static]
        return found
