"""All the names of a program and what they stand for."""

import copy
from dataclasses import fields, is_dataclass

from .tokens import Mistake, Place
from .tree import TypeName
from .types import SIZES, Type


class Symbols:
    def __init__(self, program, reference):
        self.reference = reference
        self.templates, self.instances = dict(), []  # instances: templates with types, to be translated
        self.records, self.functions, self.variables, self.constants = {}, {}, {}, dict(reference.constants)
        self.enumerations = {name: dict(members) for name, members in reference.enumerations.items()}
        for record in program.records:
            self._new(record.name, record.place)
            self.records[record.name] = record
            if record.base:
                base = self.records.get(record.base)
                if not base or base.kind != record.kind:
                    raise Mistake(record.place, f"{record.base} is no {record.kind} known at this place")
        for enumeration in program.enumerations:
            self._enumeration(enumeration)
        for function in program.imports:
            self._new(function.name, function.place)
            self.functions[function.name] = [function]
        for function in program.functions:
            self._function(function)
        for names, function in program.templates:
            self._new(function.name, function.place)
            if function.name in self.templates:
                raise Mistake(function.place, f"this tool knows one template {function.name} only")
            self.templates[function.name] = (names, function)
        for variable in program.variables:
            self._new(variable.name, variable.place)
            self.variables[variable.name] = variable

    def _new(self, name, place):
        known = (self.templates, self.records, self.functions, self.variables, self.constants, self.enumerations)
        if any(name in names for names in known):
            raise Mistake(place, f"{name} is declared twice")
        if name in self.reference.functions or name in self.reference.variadic or name in self.reference.structs:
            raise Mistake(place, f"{name} is MQL5's own")

    def _enumeration(self, enumeration):
        self._new(enumeration.name, enumeration.place)
        members, number = {}, 0
        for name, value, place in enumeration.members:
            self._new(name, place)
            if value is not None:
                if value.kind != "number":
                    raise Mistake(place, f"{name}: this tool knows plain numbers only as a member's value")
                number = int(value.text, 0)
            members[name] = number
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
                if signature(other) == signature(function):
                    raise Mistake(function.place, f"function {function.name} is declared twice")
            known.append(function)
            return
        record = self.records.get(function.owner)
        if not record:
            raise Mistake(function.place, f"{function.owner} is no class")
        for method in record.methods:
            if method.name == function.name and method.const == function.const and signature(method) == signature(function):
                if method.body is not None:
                    raise Mistake(function.place, f"{function.owner}::{function.name} has a body already")
                method.body, method.bases, method.place = function.body, function.bases, function.place
                method.parameters = with_defaults(function, method)
                method.end = function.end
                return
        raise Mistake(function.place, f"{function.owner} declares no {function.name} with these parameters")

    def type(self, written, size=None):
        """The type that is written; `size`: the array's, when its expression was worked out."""
        name = written.name
        kind = "simple"
        if name in self.records:
            kind = self.records[name].kind
        elif name in self.reference.structs:
            kind = "struct"
        elif name in self.enumerations:
            kind = "enum"
        array = None
        if written.sizes:
            array = "dynamic" if written.sizes[0] is None else size
        if written.pointer:
            return self.pointer(name, array)
        return Type(name, kind, array)

    def pointer(self, name, array=None):
        return Type(name, "pointer", array, tuple(record.name for record in self.lineage(name))[1:])

    def instance(self, template, types):
        """The template as a function, with these types in the place of its names."""
        words = "_".join(f"{kind.name}{'_pointer' * (kind.kind == 'pointer')}" for kind in types.values())
        name = f"{template.name}__{words}"
        if name not in self.functions:
            made = copy.deepcopy(template)
            fill(made, types)
            made.name = name
            self.functions[name] = [made]
            self.instances.append(made)
        return self.functions[name][0]

    def lineage(self, name):
        """The record and its bases, the nearest first."""
        while name:
            record = self.records[name]
            yield record
            name = record.base

    def field(self, owner, name):
        """The field of a struct or class and where it stands; None when there is none."""
        if owner in self.reference.structs:
            for kind, field in self.reference.structs[owner]:
                if field == name:
                    return kind, None
            return None
        for record in self.lineage(owner):
            for field in record.fields:
                if field.name == name:
                    return field, record
        return None

    def methods(self, owner, name):
        """The methods of that name in the nearest class that has one, and that class."""
        if owner in self.records:
            for record in self.lineage(owner):
                found = [method for method in record.methods if method.name == name]
                if found:
                    return found, record
        return [], None

    def is_simple(self, name):
        """Whether a struct has neither text nor dynamic arrays nor objects in it."""
        for kind, field in self.flat_fields(name):
            if kind.name == "string" or kind.array == "dynamic" or kind.kind in ("class", "pointer") or field is None:
                return False
        return True

    def flat_fields(self, name):
        if name in self.reference.structs:
            return [(self.reference.type(kind), field) for kind, field in self.reference.structs[name]]
        found = []
        for record in self.lineage(name):
            for field in record.fields:
                kind = self.type(field.type, self.constant_size(field.type))
                found += self.flat_fields(kind.name) if kind.kind == "struct" else [(kind, field.name)]
        return found

    def constant_size(self, written):
        if not written.sizes or written.sizes[0] is None:
            return None
        size = written.sizes[0]
        if size.kind != "number" or not size.text.isdigit() or int(size.text) == 0:
            raise Mistake(size.place, "an array's size is a number above 0")
        return int(size.text)

    def size(self, kind, place):
        """sizeof, with MQL5's packing of one byte."""
        if kind.kind == "enum":
            return 4
        if kind.kind == "simple" and kind.name in SIZES:
            return SIZES[kind.name]
        if kind.kind == "struct" and self.is_simple(kind.name):
            return sum(self.size(part.element, place) * (part.array or 1) for part, _ in self.flat_fields(kind.name))
        raise Mistake(place, f"the size of {kind} is not the same everywhere: do not use it")


def fill(tree, types):
    """Puts types into the place of a template's names, all over the tree."""
    if isinstance(tree, TypeName) and tree.name in types:
        kind = types[tree.name]
        tree.name, tree.pointer = kind.name, kind.kind == "pointer"
    for part in tree if isinstance(tree, (list, tuple)) else []:
        fill(part, types)
    if is_dataclass(tree) and not isinstance(tree, Place):
        for field in fields(tree):
            fill(getattr(tree, field.name), types)


def signature(function):
    return [(part.type.name, part.type.pointer, part.type.reference, bool(part.type.sizes)) for part in function.parameters]


def with_defaults(definition, declaration):
    """The definition's parameters with the declaration's defaults."""
    for part, declared in zip(definition.parameters, declaration.parameters):
        if part.value is None:
            part.value = declared.value
    return definition.parameters
