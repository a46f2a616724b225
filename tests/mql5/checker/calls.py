"""Calls: overload resolution, the arguments, and the C++ of the call. Built-in functions are in `reference_calls.py`."""

from .conversions import convert
from .mistakes import Mistake
from .reference_calls import ReferenceCalls, check_count
from .types import Type, Value, cpp_name

# Types of one size: built-in functions take either by reference.
ALIKE = ({"char", "uchar"}, {"int", "uint"}, {"long", "datetime"})


class Calls(ReferenceCalls):
    def call_value(self, expression):
        called, *arguments = expression.parts
        if called.kind == "member":
            return self.method_call(called, arguments)
        if called.kind == "scoped":
            return self.scoped_call(called, arguments)
        if called.kind != "name":
            raise Mistake(expression.place, "only a function can be called")
        name = called.text
        if self.owner:
            methods, record = self.symbols.methods(self.owner.name, name)
            if methods:
                ways = [lambda: self.own_method(methods, record, arguments, called)]
                return self.first_of(ways + self.reference_ways(name, arguments, called.place))
            templates = self.method_templates(self.owner.name, name)
            if templates:
                return self.template_call(templates, arguments, called.place)
        local = self.local(name)
        if local:
            found = self.operator_call("()", self.value(called), arguments, called.place)
            if not found:
                raise Mistake(called.place, f"only a function can be called, not '{local.kind}'")
            return found
        return self.function_call(name, arguments, called.place)

    def function_call(self, name, arguments, place):
        """A function outside classes."""
        symbols = self.symbols
        if symbols.templates.get(name):
            return self.template_call(symbols.templates[name], arguments, place, symbols.functions.get(name, []))
        ways = self.reference_ways(name, arguments, place)
        if name in symbols.functions:
            ways.insert(0, lambda: self.plain_call(name, arguments, place))
        if not ways:
            raise Mistake(place, f"undeclared function '{name}', or not known to this checker")
        return self.first_of(ways)

    def plain_call(self, name, arguments, place):
        function, code = self.chosen(self.symbols.functions[name], arguments, place)
        return Value(self.symbols.type(function.result), f"{cpp_name(name)}({code})")

    def reference_ways(self, name, arguments, place):
        """The calls of a built-in function, if there is one of that name."""
        if name in self.symbols.reference.variadic:
            return [lambda: self.variadic_call(name, arguments, place)]
        if name in self.symbols.reference.functions:
            return [lambda: self.reference_call(name, arguments, place)]
        return []

    def first_of(self, ways):
        """The first call that fits; if none does, the mistake in the first one."""
        for way in ways if len(ways) > 1 else ():
            try:
                with self.tentative(), self.findings.attempt():
                    way()
            except Mistake:
                continue
            return way()
        return ways[0]()

    def own_method(self, methods, record, arguments, called, prefix=""):
        """A method of the class that the function belongs to."""
        method, code = self.chosen(methods, arguments, called.place)
        self.allow(method, record, called.place)
        if self.static_method and not method.static:
            raise Mistake(called.place, f"a static method cannot call {called.text}")
        if self.const_method and not method.const and not method.static:
            raise Mistake(called.place, f"a const method cannot call {called.text}, which is not const")
        return Value(self.symbols.type(method.result), f"{prefix}{cpp_name(called.text)}({code})")

    def scoped_call(self, called, arguments):
        """`::function()`, `Class::method()`, `library::function()`."""
        owner, name, place = called.owner, called.text, called.place
        if owner in self.symbols.records:
            methods, record = self.symbols.methods(owner, name)
            templates = self.method_templates(owner, name)
            if not methods and templates:
                return self.template_call(templates, arguments, place)
            if not methods:
                raise Mistake(place, f"{owner} has no method '{name}'")
            if self.owner and any(base.name == owner for base in self.symbols.lineage(self.owner.name)):
                return self.own_method(methods, record, arguments, called, f"{cpp_name(owner)}::")
            method, code = self.chosen(methods, arguments, place)
            self.allow(method, record, place)
            if not method.static:
                raise Mistake(place, f"{owner}::{name} needs an object: it is not static")
            return Value(self.symbols.type(method.result), f"{cpp_name(owner)}::{cpp_name(name)}({code})")
        libraries = [function.library for same in self.symbols.functions.values() for function in same]
        if owner and not any(library.lower().rsplit(".", 1)[0] == owner.lower() for library in libraries if library):
            raise Mistake(place, f"{owner} is neither a class nor a library")
        return self.function_call(name, arguments, place)

    def method_call(self, called, arguments):
        of = self.object(self.value(called.parts[0]))
        methods, record = self.symbols.methods(of.type.name, called.text) if of.type.array is None else ([], None)
        if not methods:
            templates = self.method_templates(of.type.name, called.text) if of.type.array is None else []
            if templates:
                value = self.template_call(templates, arguments, called.place)
                return Value(value.type, f"({of.code}).{value.code}")
            known = "" if of.type.kind in ("class", "struct") else ", or not known to this checker"
            raise Mistake(called.place, f"{of.type} has no method '{called.text}'{known}")
        method, code = self.chosen(methods, arguments, called.place)
        self.allow(method, record, called.place)
        if not method.const and not method.static and not of.writable and of.variable:
            raise Mistake(called.place, f"{called.text} would change a constant object")
        return Value(self.symbols.type(method.result), f"({of.code}).{cpp_name(called.text)}({code})")

    def method_templates(self, owner, name):
        """The templates of that name in the nearest class that has one."""
        for record in self.symbols.lineage(owner):
            found = [(names, method) for names, method in record.templates if method.name == name]
            if found:
                return found
        return []

    def operator_call(self, sign, of, arguments, place):
        """The call of the operator that the object's class has; None when it has none."""
        if of.type.kind not in ("class", "struct") or of.type.array is not None:
            return None
        methods, record = self.symbols.methods(of.type.name, f"operator{sign}")
        fitting = [method for method in methods if len(method.parameters) == len(arguments)]
        if not fitting:
            return None
        if sign == "=" and self.value(arguments[0]).type.name == of.type.name:
            kinds = [method.parameters[0].type.name for method in fitting]
            if of.type.name not in kinds:
                return None  # a plain copy
        method, code = self.chosen(fitting, arguments, place)
        self.allow(method, record, place)
        return Value(self.symbols.type(method.result), f"({of.code}).operator{sign}({code})")

    def object(self, value):
        """The object that a pointer points to; any other value itself."""
        if not value.type.is_pointer:
            return value
        kind = Type(value.type.name, "class", bases=value.type.bases)
        return Value(kind, f"({value.code}).object()", True, not value.type.guarded)

    def template_call(self, templates, arguments, place, plain=()):
        """Instantiates a template for these arguments. `plain`: functions of the same name, which take precedence."""
        known, reasons = set(self.assigned), []
        for function in plain:
            try:
                with self.findings.attempt(strict=True):
                    code = self.passed(function, arguments, place)
                return Value(self.symbols.type(function.result), f"{cpp_name(function.name)}({code})")
            except Mistake as mistake:
                reasons.append(str(mistake))
                self.assigned = set(known)
        for names, function in templates:
            try:
                made = self.symbols.instance(function, self.template_types(names, function, arguments, place))
                code = self.passed(made, arguments, place)
                return Value(self.symbols.type(made.result), f"{cpp_name(made.name)}({code})")
            except Mistake as mistake:
                reasons.append(str(mistake))
                self.assigned = set(known)
                if len(templates) == 1 and not plain:
                    raise
        name = templates[0][1].name
        raise Mistake(place, f"no {name} takes these arguments: " + "; ".join(reasons))

    def template_types(self, names, function, arguments, place):
        """A template's types, from the arguments of a call."""
        check_count(function, arguments, place)
        types = {}
        for part, argument in zip(function.parameters, arguments):
            if part.type.name in names:
                with self.tentative():
                    if part.type.reference and argument.kind == "name":
                        self.set(argument.text)
                    kind = self.value(argument).type.single
                if part.type.pointer and kind.kind == "pointer":
                    kind = Type(kind.name, "class")
                if types.setdefault(part.type.name, kind) != kind:
                    raise Mistake(place, f"{function.name}: {part.type.name} is '{types[part.type.name]}' and '{kind}'")
        for missing in set(names) - set(types):
            raise Mistake(place, f"{function.name}: no argument determines {missing}")
        return types

    def allow(self, member, record, place):
        if member.access == "public":
            return
        inside = [base.name for base in self.symbols.lineage(self.owner.name)] if self.owner else []
        if record.name not in inside[:1] and (member.access == "private" or record.name not in inside):
            raise Mistake(place, f"{record.name}::{member.name} is {member.access}")

    def chosen(self, functions, arguments, place):
        """The overload whose parameters fit, if possible without a doubt."""
        if len(functions) == 1:
            return functions[0], self.passed(functions[0], arguments, place)
        known, reasons, weights = set(self.assigned), [], {}
        for strict in dict.fromkeys((True, self.findings.strict)):
            reasons.clear()
            for at, function in enumerate(functions):
                try:
                    with self.findings.attempt(strict):
                        before = self.findings.weight
                        code = self.passed(function, arguments, place)
                        weights[at] = self.findings.weight - before
                    if strict:
                        return function, code
                except Mistake as mistake:
                    reasons.append(str(mistake))
                self.assigned = set(known)
        if weights:
            function = functions[min(weights, key=weights.get)]
            return function, self.passed(function, arguments, place)
        raise Mistake(place, f"no {functions[0].name} takes these arguments: " + "; ".join(reasons))

    def passed(self, function, arguments, place):
        """The C++ of the arguments, including defaults."""
        parameters = function.parameters
        self.symbols.called.append((function, place))
        check_count(function, arguments, place)
        codes = [self.argument(part, value, function.name) for part, value in zip(parameters, arguments)]
        codes += [self.default(part, place) for part in parameters[len(arguments) :]]
        return ", ".join(codes)

    def default(self, part, place):
        kind = self.symbols.parameter(part.type)
        value = self.outside(part.value)
        if part.type.reference:
            raise Mistake(place, f"parameter {part.name}, passed by reference, has a default: not known to this checker")
        return convert(value, kind, part.place, f"default of {part.name}", self.findings)

    def is_alike(self, name, given, wanted):
        """Whether a built-in function takes either type by reference."""
        return self.is_reference(name) and given.array is None and {given.name, wanted.name} in ALIKE

    def is_reference(self, name):
        return name in self.symbols.reference.functions and name not in self.symbols.functions

    def argument(self, part, expression, name):
        what = f"argument {part.name} of {name}"
        if part.type.reference and expression.kind == "name" and not part.type.const:
            local = self.local(expression.text)
            if local:
                self.set(expression.text)
        value = self.value(expression)
        kind = self.symbols.parameter(part.type)
        if kind.kind == "class" and part.type.reference:
            value = self.object(value)
        if not part.type.reference:
            return convert(value, kind, expression.place, what, self.findings)
        whole = kind.kind in ("class", "struct") and kind.kind == value.type.kind and value.type.array is None
        if not value.variable and part.type.const and whole:  # what a function returns
            value = Value(value.type, f"mql::held({value.code})", True)
        if not value.variable:
            raise Mistake(expression.place, f"{what}: a variable is expected, as it is passed by reference")
        if not part.type.const and not value.writable:
            raise Mistake(expression.place, f"{what}: a constant cannot be passed by a reference that may change it")
        if kind.array is not None:
            if value.type.array is not None and self.is_alike(name, value.type.element, kind.element):
                return f"mql::View<{kind.element.cpp}>::alike(mql::View({value.code}))"
            if value.type.array is None or (value.type.element != kind.element):
                raise Mistake(expression.place, f"{what}: '{value.type}' is not '{kind}'")
            return value.code
        if value.type.array is None and {value.type.name, kind.name} in ALIKE:
            if not self.is_reference(name):
                self.findings.doubt(expression.place, f"{what}: '{value.type}' is not '{kind}', though of the same size")
            return f"({kind.cpp} &)({value.code})"
        base = kind.kind in ("class", "struct") and kind.name in value.type.bases and value.type.kind == kind.kind
        if value.type != kind and not (base and value.type.array is None):
            raise Mistake(expression.place, f"{what}: '{value.type}' is not '{kind}'")
        return value.code
