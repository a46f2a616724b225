"""The values of names, members and array elements."""

from .conversions import convert
from .grammar import FOREIGN
from .literals import cpp_number, cpp_text
from .mistakes import Mistake
from .tree import TypeName
from .types import DATETIME, INT, STRING, ULONG, USHORT, Type, Value, cpp_name


class Names:
    """Name lookup in a function: its local variables, its class, then `symbols`."""

    def name_value(self, expression):
        name, place = expression.text, expression.place
        local = self.local(name)
        if local:
            if local.kind.plain and local.name not in self.assigned:
                self.findings.doubt(place, f"possible use of uninitialized variable '{name}'")
                self.assigned.add(local.name)
            return Value(local.kind, local.code, True, not local.const)
        if self.owner:
            found = self.symbols.field(self.owner.name, name)
            if found:
                return self.own_field(*found, name, place)
        return self.global_name(name, place) or self.unknown_name(name, place)

    def own_field(self, field, record, name, place):
        """A field of the function's class."""
        if record is None:  # a field of the built-in base struct
            return Value(self.symbols.reference.type(field), cpp_name(name), True, not self.const_method)
        self.allow(field, record, place)
        if field.static:
            return self.static_field(field, record)
        if self.static_method:
            raise Mistake(place, f"a static method cannot use {name}")
        return self.field_value(field, cpp_name(name), not self.const_method)

    def static_field(self, field, record):
        kind = self.symbols.type(field.type)
        return Value(kind, f"globals->{record.name}__{field.name}", True, not field.type.constant)

    def global_name(self, name, place):
        """A global variable or constant; None if there is none."""
        symbols = self.symbols
        if name in symbols.variables:
            if self.is_global:
                self.findings.doubt(place, "a global variable can be initialised only by constants")
            variable = symbols.variables[name]
            return Value(symbols.type(variable.type), f"globals->{cpp_name(name)}", True,
                         not variable.input and not variable.type.constant)  # fmt: skip
        if name in symbols.constants:
            kind, number = symbols.constants[name]
            own = name in symbols.reference.played_constants
            code = f"api::{name}" if own else cpp_number(number, kind)
            return Value(kind, code, constant=number, named=name)
        if name in symbols.reference.variables:
            return Value(symbols.reference.type(symbols.reference.variables[name]), f"api::{name}()")
        if f"clr{name}" in symbols.constants:
            self.findings.doubt(place, f"{name} is spelled clr{name}")
            return self.global_name(f"clr{name}", place)
        return self.macro(name)

    def macro(self, name):
        """A predefined macro that depends on the function or the compiler; None for another name."""
        function = self.function.name
        if name in ("__FUNCTION__", "__FUNCSIG__"):
            whole = f"{self.owner.name}::{function}" if self.owner else function
            return Value(STRING, cpp_text(whole))
        if name in ("__DATE__", "__DATETIME__"):
            return Value(DATETIME, "0LL")
        if name in ("__MQLBUILD__", "__MQL5BUILD__"):
            return Value(INT, "5200", constant=5200)
        if name == "__RANDOM__":
            return Value(ULONG, "4ULL")
        return None

    def unknown_name(self, name, place):
        if name in FOREIGN:
            raise Mistake(place, f"{name} is C++ and not known to this checker")
        raise Mistake(place, f"undeclared identifier '{name}', or not known to this checker")

    def scoped_value(self, expression):
        """`::name`, or `owner::name`, where the owner is a class or an enumeration."""
        owner, name, place = expression.owner, expression.text, expression.place
        if not owner:
            return self.global_name(name, place) or self.unknown_name(name, place)
        if owner in self.symbols.enumerations:
            if name not in self.symbols.enumerations[owner]:
                raise Mistake(place, f"{owner} has no member '{name}'")
            if self.symbols.constants[name][0].name == owner:
                return self.global_name(name, place)
            kind, number = Type(owner, "enum"), self.symbols.enumerations[owner][name]
            return Value(kind, cpp_number(number, kind), constant=number, named=name)
        found = self.symbols.field(owner, name) if owner in self.symbols.records else None
        if found and found[1] and found[0].static:
            self.allow(found[0], found[1], place)
            return self.static_field(found[0], found[1])
        if found and self.owner and any(record.name == owner for record in self.symbols.lineage(self.owner.name)):
            return self.own_field(*found, name, place)
        if owner in self.symbols.records and name in self.symbols.constants:
            return self.global_name(name, place)
        raise Mistake(place, f"{owner} has no static member '{name}'")

    def field_value(self, field, code, writable):
        return Value(self.symbols.type(field.type), code, True, writable and not field.type.constant)

    def member_value(self, expression):
        of = self.object(self.value(expression.parts[0]))
        if of.type.array is not None or of.type.kind not in ("struct", "class"):
            raise Mistake(expression.place, f"'{of.type}' has no members, so no {expression.text}")
        found = self.symbols.field(of.type.name, expression.text)
        if not found:
            raise Mistake(expression.place, f"{of.type} has no member '{expression.text}'")
        field, record = found
        code = f"({of.code}).{cpp_name(expression.text)}"
        if record is None:
            return Value(self.symbols.reference.type(field), code, of.variable, of.writable)
        self.allow(field, record, expression.place)
        if field.static:
            return self.static_field(field, record)
        return self.field_value(field, code, of.writable)

    def index_value(self, expression):
        of = self.value(expression.parts[0])
        if of.type.array is None and of.type != STRING:
            operator = self.operator_call("[]", self.object(of), expression.parts[1:], expression.place)
            if operator:
                return operator
            raise Mistake(expression.place, f"'{of.type}' is not an array")
        at = self.value(expression.parts[1])
        if not at.type.integer:
            reason = f"an index is an integer, not '{at.type}'"
            if not at.type.countable and not at.type.number:
                raise Mistake(expression.place, reason)
            self.findings.doubt(expression.place, reason)
        if of.type == STRING:
            return Value(USHORT, f"mql::character({of.code}, {at.code})")  # read-only
        return Value(of.type.element, f"({of.code}).at({at.code})", True, of.writable)

    def this_value(self, expression):
        if not self.owner or self.static_method:
            raise Mistake(expression.place, "'this' exists only in a method of an object")
        if self.owner.kind == "struct":
            kind = self.symbols.type(TypeName(self.owner.name, expression.place))
            return Value(kind, "(*this)", True, not self.const_method)
        kind = self.symbols.pointer(self.owner.name, self.const_method)
        return Value(kind, "api::GetPointer(*this)")

    def new_value(self, expression):
        name = expression.text
        unfinished = self.symbols.unfinished(name)
        if unfinished:
            raise Mistake(expression.place, f"{name} cannot be instantiated: {unfinished.name} has no body")
        return Value(self.symbols.pointer(name), f"mql::made<{cpp_name(name)}>({self.constructed(expression)})")

    def construct_value(self, expression):
        """`Name(...)`: an object, or a cast to an enumeration."""
        name = expression.text
        if name in self.symbols.enumerations:
            if len(expression.parts) != 1:
                raise Mistake(expression.place, f"{name}(...) converts one value")
            return self.cast_to(self.value(expression.parts[0]), Type(name, "enum"), expression.place)
        kind = self.symbols.type(expression.type) if expression.type else Type(name, "class")
        return Value(kind, f"{cpp_name(name)}({self.constructed(expression)})")

    def constructed(self, expression):
        """The C++ of a constructor's arguments."""
        name, code = expression.text, ""
        methods, record = self.symbols.methods(name, name)
        if methods:
            method, code = self.chosen(methods, expression.parts, expression.place)
            self.allow(method, record, expression.place)
        elif len(expression.parts) == 1 and name in self.symbols.records:  # a copy
            code = self.as_type(expression.parts[0], Type(name, self.symbols.records[name].kind), "copy")
        elif expression.parts:
            raise Mistake(expression.place, f"{name} has no constructor with arguments")
        return code

    def as_type(self, expression, kind, what):
        return convert(self.value(expression), kind, expression.place, what, self.findings)
