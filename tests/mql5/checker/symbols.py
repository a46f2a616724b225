"""The symbol table of a program."""

import copy

from .constants import constant
from .mistakes import Mistake
from .tree import TypeName, walk
from .types import SIZES, Type


class Symbols:
    def __init__(self, program, reference, findings):
        self.reference, self.findings = reference, findings
        self.templates, self.instances = {}, []  # instances: templates with their types, to be translated
        self.records, self.functions, self.variables, self.constants = {}, {}, {}, dict(reference.constants)
        self.enumerations = {name: dict(members) for name, members in reference.enumerations.items()}
        self.called = []  # functions and places, including overloads that were only tried
        self.hoisted = []  # the C++ of functions' static variables that become global ones
        for record in program.records:
            self._new(record.name, record.place)
            self.records[record.name] = record
            if record.base and not (record.kind == "struct" and record.base in reference.structs):
                base = self.records.get(record.base)
                if not base or base.kind != record.kind:
                    raise Mistake(record.place, f"{record.base} is not a {record.kind} known here")
        for variable in program.variables:
            self.variables[variable.name] = variable  # for the sizes and members that constants give
        for enumeration in program.enumerations:
            self._enumeration(enumeration)
        self.variables = {}
        for function in program.imports:
            self._new(function.name, function.place)
            self.functions[function.name] = [function]
        for function in program.functions:
            self._function(function)
        for names, function in program.templates:
            self._template(names, function)
        for variable in program.variables:
            if variable.extern and any(other.name == variable.name and not other.extern for other in program.variables):
                continue
            self._new(variable.name, variable.place)
            self.variables[variable.name] = variable
        for owner, variable in program.statics:
            self._static(owner, variable)

    def _new(self, name, place):
        known = (self.templates, self.records, self.functions, self.variables, self.constants, self.enumerations)
        if any(name in names for names in known):
            raise Mistake(place, f"{name} is declared twice")
        if name in self.reference.structs:
            raise Mistake(place, f"{name} is a name of MQL5")
        if name in self.reference.functions or name in self.reference.variadic:
            self.findings.doubt(place, f"{name} is a name of MQL5")

    def _enumeration(self, enumeration):
        if enumeration.name in self.enumerations and enumeration.name not in self.reference.enumerations:
            self.findings.doubt(enumeration.place, f"{enumeration.name} is declared twice")
            if [name for name, _, _ in enumeration.members] == list(self.enumerations[enumeration.name]):
                return
        else:
            self._new(enumeration.name, enumeration.place)
        members, number = dict(self.enumerations.get(enumeration.name, {})), 0
        for name, value, place in enumeration.members:
            if name in self.variables:
                raise Mistake(place, f"{name} is declared twice")
            if value is not None:
                number = int(constant(value, self))
            members[name] = number
            known = self.constants.get(name)
            others = known and known[0].kind == "enum" and known[0].name != enumeration.name
            if others and known[0].name not in self.reference.enumerations:
                both = f"{known[0].name}::{name} or {enumeration.name}::{name}"
                self.findings.doubt(place, f"{name} is a member of two enumerations: write {both}")
            else:
                self._new(name, place)
                self.constants[name] = (Type(enumeration.name, "enum"), number)
            number += 1
        self.enumerations[enumeration.name] = members

    def _function(self, function):
        if not function.owner:
            known = self.functions.setdefault(function.name, [])
            if not known:
                del self.functions[function.name]
                self._new(function.name, function.place)
                self.functions[function.name] = known
            for other in known:
                if signature(other) != signature(function):
                    continue
                if other.body is not None and function.body is not None:
                    raise Mistake(function.place, f"function {function.name} is declared twice")
                complete(other, function)
                return
            known.append(function)
            return
        record = self.records.get(function.owner)
        if not record:
            raise Mistake(function.place, f"{function.owner} is not a class")
        for method in record.methods:
            if method.name == function.name and method.const == function.const and signature(method) == signature(function):
                if method.body is not None:
                    raise Mistake(function.place, f"{function.owner}::{function.name} has a body already")
                complete(method, function)
                return
        raise Mistake(function.place, f"{function.owner} declares no {function.name} with these parameters")

    def _template(self, names, function):
        """A template outside classes, or the body of one that a class declares."""
        known = self.templates.setdefault(function.name, [])
        if function.owner:
            record = self.records.get(function.owner)
            known = record.templates if record else []
        for _, other in known:
            if signature(other) == signature(function) and other.name == function.name:
                if other.body is not None and function.body is not None:
                    raise Mistake(function.place, f"template {function.name} is declared twice")
                complete(other, function)
                return
        if function.owner:
            raise Mistake(function.place, f"{function.owner} declares no {function.name} with these parameters")
        known.append((names, function))

    def _static(self, owner, variable):
        found = self.field(owner, variable.name) if owner in self.records else None
        if not found or not found[1] or found[1].name != owner or not found[0].static:
            raise Mistake(variable.place, f"{owner} has no static member {variable.name}")
        found[0].value = variable.value
        found[0].place = variable.place

    # --- types ---

    def type(self, written):
        """The type of a variable or a result."""
        kind = self._single(written)
        if not written.sizes:
            return kind
        sizes = ["dynamic" if size is None else self._size(size) for size in written.sizes]
        return Type(kind.name, kind.kind, sizes[0], kind.bases, tuple(sizes[1:]), kind.guarded)

    def parameter(self, written):
        """The type of a parameter; its first array dimension may have any size."""
        kind = self._single(written)
        if not written.sizes:
            return kind
        inner = tuple(self._size(size) for size in written.sizes[1:])
        return Type(kind.name, kind.kind, "dynamic", kind.bases, inner, kind.guarded)

    def _single(self, written):
        name, kind, bases = written.name, "simple", ()
        if name in self.records:
            kind = self.records[name].kind
            bases = tuple(record.name for record in self.lineage(name))[1:] + self.own_base(name)
        elif name in self.reference.structs:
            kind = "struct"
        elif name in self.enumerations:
            kind = "enum"
        if written.pointer:
            return self.pointer(name, written.const)
        own = kind == "enum" and name not in self.reference.enumerations
        return Type(name, kind, bases=bases, members=tuple(self.enumerations[name].values()) if own else ())

    def _size(self, expression):
        size = constant(expression, self)
        if not isinstance(size, int) or size <= 0:
            raise Mistake(expression.place, "an array's size is a positive integer")
        return size

    def pointer(self, name, guarded=False):
        bases = tuple(record.name for record in self.lineage(name))[1:]
        return Type(name, "pointer", None, bases, (), guarded)

    def instance(self, template, types):
        """The template as a function of these types."""
        words = "_".join(f"{kind.name}{'_pointer' * (kind.kind == 'pointer')}" for kind in types.values())
        name = f"{template.name}__{words}__{len(template.parameters)}"
        known = self.records[template.owner].methods if template.owner else self.functions.setdefault(name, [])
        found = next((function for function in known if function.name == name), None)
        if not found:
            found = copy.deepcopy(template)
            fill(found, types)
            found.name = name
            known.append(found)
            self.instances.append(found)
        return found

    # --- members ---

    def lineage(self, name):
        """The record and its bases, the nearest first."""
        while name in self.records:
            record = self.records[name]
            yield record
            name = record.base

    def own_base(self, name):
        """The built-in struct at the end of a struct's lineage, if there is one."""
        return tuple(record.base for record in self.lineage(name) if record.base in self.reference.structs)

    def field(self, owner, name):
        """A field of a struct or class and the record that declares it (None for a built-in struct); None if there is none."""
        if owner in self.reference.structs:
            for kind, field in self.reference.structs[owner]:
                if field == name:
                    return kind, None
            return None
        for record in self.lineage(owner):
            for field in record.fields:
                if field.name == name:
                    return field, record
        return next((self.field(base, name) for base in self.own_base(owner)), None)

    def methods(self, owner, name):
        """The methods of that name in the nearest class that has one, and that class."""
        for record in self.lineage(owner):
            found = [method for method in record.methods if method.name == name]
            if found:
                return found, record
        return [], None

    def unfinished(self, name):
        """A pure method that the class does not implement; None if there is none."""
        seen = set()
        for record in self.lineage(name):
            for method in record.methods:
                key = (method.name, str(signature(method)))
                if key not in seen and method.pure and method.body is None:
                    return method
                seen.add(key)
        return None

    def is_simple(self, name):
        """Whether a struct contains no strings, dynamic arrays or objects."""
        for kind, _ in self.flat_fields(name):
            if kind.name == "string" or kind.array == "dynamic" or kind.kind in ("class", "pointer"):
                return False
            if kind.kind == "struct" and not self.is_simple(kind.name):
                return False
        return True

    def flat_fields(self, name):
        if name in self.reference.structs:
            return [(self.reference.type(kind), field) for kind, field in self.reference.structs[name]]
        found = [field for base in self.own_base(name) for field in self.flat_fields(base)]
        for record in self.lineage(name):
            for field in record.fields:
                if not field.static:
                    kind = self.type(field.type)
                    found += self.flat_fields(kind.name) if kind.kind == "struct" and kind.array is None else [(kind, field.name)]
        return found

    def size(self, kind, place):
        """sizeof, with MQL5's packing of one byte."""
        if kind.array == "dynamic":
            raise Mistake(place, f"the size of {kind} is platform-dependent: do not use it")
        if kind.array is not None:
            return kind.array * self.size(kind.element, place)
        if kind.kind == "enum":
            return 4
        if kind.kind == "simple" and kind.name in SIZES:
            return SIZES[kind.name]
        if kind.kind == "struct" and self.is_simple(kind.name):
            whole = max if kind.name in self.records and self.records[kind.name].union else sum
            return whole(self.size(part, place) for part, _ in self.flat_fields(kind.name))
        raise Mistake(place, f"the size of {kind} is platform-dependent: do not use it")


def fill(tree, types):
    """Replaces the type names of a template by types."""
    for part in walk(tree):
        if isinstance(part, TypeName) and part.name in types:
            kind = types[part.name]
            part.name, part.pointer = kind.name, kind.kind == "pointer"


def signature(function):
    return [(part.type.name, part.type.pointer, part.type.reference, len(part.type.sizes)) for part in function.parameters]


def complete(declared, other):
    """Merges a function's declaration and its definition, whichever comes first."""
    for part, also in zip(declared.parameters, other.parameters):
        part.value = part.value or also.value
        if other.body is not None:
            part.name, part.place = also.name, also.place
            part.type = also.type
    if other.body is not None:
        declared.body, declared.bases, declared.place, declared.end = other.body, other.bases, other.place, other.end
