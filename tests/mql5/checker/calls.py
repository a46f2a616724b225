"""Calls: which function is meant, whether its arguments fit, and the C++ of the call."""

import re

from .tokens import Mistake
from .types import STRING, Type, Value, common, convert, cpp_name

FORMAT = re.compile(r"%%|%[-+ 0#]*(?:\d+|\*)?(?:\.\d+)?(I64|I32|ll|l|h)?(.)")


class Calls:
    def call_value(self, expression):
        called, *arguments = expression.parts
        place = expression.place
        if called.kind == "member":
            return self.method_call(called, arguments)
        if called.kind != "name":
            raise Mistake(place, "only a function can be called")
        name, symbols = called.text, self.symbols
        if self.owner:
            methods, record = symbols.methods(self.owner.name, name)
            if methods:
                method, code = self.chosen(methods, arguments, called.place)
                self.allow(method, record, called.place)
                if self.static_method and not method.static:
                    raise Mistake(called.place, f"a static method cannot call {name}")
                if self.const_method and not method.const and not method.static:
                    raise Mistake(called.place, f"a constant method cannot call {name}, which is not")
                return Value(symbols.type(method.result), f"{cpp_name(name)}({code})")
        if name in symbols.templates:
            return self.template_call(name, arguments, called.place)
        if name in symbols.functions:
            function, code = self.chosen(symbols.functions[name], arguments, called.place)
            return Value(symbols.type(function.result), f"{cpp_name(name)}({code})")
        reference = symbols.reference
        if name in reference.variadic:
            return self.variadic_call(name, arguments, called.place)
        if name in reference.functions:
            return self.reference_call(name, arguments, called.place)
        raise Mistake(called.place, f"undeclared function '{name}'")

    def method_call(self, called, arguments):
        of = self.object(self.value(called.parts[0]))
        methods, record = self.symbols.methods(of.type.name, called.text) if of.type.array is None else ([], None)
        if not methods:
            raise Mistake(called.place, f"{of.type} has no method '{called.text}'")
        method, code = self.chosen(methods, arguments, called.place)
        self.allow(method, record, called.place)
        if not method.const and not of.writable:
            raise Mistake(called.place, f"{called.text} changes its object, which is constant here")
        return Value(self.symbols.type(method.result), f"({of.code}).{cpp_name(called.text)}({code})")

    def object(self, value):
        """What a pointer points to; anything else is itself."""
        if value.type.kind != "pointer" or value.type.array is not None:
            return value
        return Value(Type(value.type.name, "class"), f"({value.code}).object()", True, True)

    def template_call(self, name, arguments, place):
        """The template with the types of these arguments, which is a function like any other from then on."""
        names, function = self.symbols.templates[name]
        if len(arguments) != len(function.parameters):
            raise Mistake(place, f"{name} takes {len(function.parameters)} arguments, not {len(arguments)}")
        types = {}
        for part, argument in zip(function.parameters, arguments):
            if part.type.name in names:
                known = set(self.assigned)
                if part.type.reference and argument.kind == "name":
                    self.set(argument.text)
                kind = self.value(argument).type
                self.assigned = known
                if types.setdefault(part.type.name, kind.element) != kind.element:
                    raise Mistake(place, f"{name}: {part.type.name} is '{types[part.type.name]}' and '{kind.element}'")
        for missing in set(names) - set(types):
            raise Mistake(place, f"{name}: no argument says what {missing} is")
        made = self.symbols.instance(function, types)
        code = self.passed(made, arguments, place)
        return Value(self.symbols.type(made.result), f"{cpp_name(made.name)}({code})")

    def allow(self, member, record, place):
        if member.access == "public":
            return
        inside = [base.name for base in self.symbols.lineage(self.owner.name)] if self.owner else []
        if record.name not in inside[:1] and (member.access == "private" or record.name not in inside):
            raise Mistake(place, f"{record.name}::{member.name} is {member.access}")

    def chosen(self, functions, arguments, place):
        """Of several functions of one name the one whose parameters fit."""
        if len(functions) == 1:
            return functions[0], self.passed(functions[0], arguments, place)
        known, reasons = set(self.assigned), []
        for function in functions:
            try:
                return function, self.passed(function, arguments, place)
            except Mistake as mistake:
                reasons.append(str(mistake))
                self.assigned = set(known)
        raise Mistake(place, f"no {functions[0].name} takes these arguments: " + "; ".join(reasons))

    def passed(self, function, arguments, place):
        """The C++ of the arguments, with defaults for those that are left out."""
        parameters = function.parameters
        least = sum(part.value is None for part in parameters)
        if not least <= len(arguments) <= len(parameters):
            raise Mistake(place, f"{function.name} takes {len(parameters)} arguments, not {len(arguments)}")
        codes = [self.argument(part, value, function.name) for part, value in zip(parameters, arguments)]
        for part in parameters[len(arguments) :]:
            kind = self.symbols.type(part.type)
            codes.append(convert(self.outside(part.value), kind, part.place, f"default of {part.name}"))
        return ", ".join(codes)

    def argument(self, part, expression, name):
        what = f"argument {part.name} of {name}"
        if part.type.reference and expression.kind == "name" and not part.type.const:
            local = self.local(expression.text)
            if local:
                self.set(expression.text)
        value = self.value(expression)
        kind = self.symbols.type(part.type)
        if kind.kind == "class" and part.type.reference:
            value = self.object(value)
        if not part.type.reference:
            return convert(value, kind, expression.place, what)
        if not value.variable:
            raise Mistake(expression.place, f"{what}: passed by reference, a variable is expected")
        if not part.type.const and not value.writable:
            raise Mistake(expression.place, f"{what}: a constant cannot be passed by reference to what may change it")
        if kind.array is not None:
            if value.type.array is None or (value.type.element != kind.element):
                raise Mistake(expression.place, f"{what}: '{value.type}' is no '{kind}'")
            return value.code
        base = kind.kind in ("class", "struct") and value.type.name in self.symbols.records
        derived = base and any(record.name == kind.name for record in self.symbols.lineage(value.type.name))
        if value.type != kind and not (derived and value.type.array is None):
            raise Mistake(expression.place, f"{what}: '{value.type}' is no '{kind}'")
        return value.code

    # --- functions of the reference ---

    def reference_call(self, name, arguments, place):
        functions = self.symbols.reference.functions[name]
        kinds = [part.type.name for part in functions[0].parameters]
        if name in ("CheckPointer", "GetPointer"):
            return self.pointer_call(name, arguments, place)
        if "any" in kinds:
            return self.any_call(name, functions[0], arguments, place)
        if "number" in kinds:
            return self.number_call(name, functions[0], arguments, place)
        function, code = self.chosen(functions, arguments, place)
        return Value(self.symbols.type(function.result), f"api::{name}({code})")

    def pointer_call(self, name, arguments, place):
        if len(arguments) != 1:
            raise Mistake(place, f"{name} takes 1 arguments, not {len(arguments)}")
        value = self.value(arguments[0])
        if name == "CheckPointer":
            if value.type.kind != "pointer" or value.type.array is not None:
                raise Mistake(place, f"{name} takes a pointer, not '{value.type}'")
            return Value(Type("ENUM_POINTER_TYPE", "enum"), f"api::CheckPointer({value.code})")
        value = self.object(value)
        if value.type.kind != "class" or value.type.array is not None or not value.variable:
            raise Mistake(place, f"{name} takes an object of a class, not '{value.type}'")
        return Value(self.symbols.pointer(value.type.name), f"api::GetPointer({value.code})")

    def number_call(self, name, function, arguments, place):
        if len(arguments) != len(function.parameters):
            raise Mistake(place, f"{name} takes {len(function.parameters)} arguments, not {len(arguments)}")
        values = [self.value(argument) for argument in arguments]
        for value in values:
            if not value.type.number:
                raise Mistake(place, f"{name} takes numbers, not '{value.type}'")
        kind = values[0].type
        for value in values[1:]:
            if kind != value.type:
                kind = common(kind, value.type)
        return Value(kind, f"api::{name}<{kind.cpp}>({', '.join(value.code for value in values)})")

    def any_call(self, name, function, arguments, place):
        parameters = function.parameters
        least = sum(part.value is None for part in parameters)
        if not least <= len(arguments) <= len(parameters):
            raise Mistake(place, f"{name} takes {len(parameters)} arguments, not {len(arguments)}")
        codes = []
        for part, expression in zip(parameters, arguments):
            if part.type.name != "any":
                codes.append(self.argument(part, expression, name))
                continue
            if expression.kind == "name" and self.local(expression.text):
                self.set(expression.text)
            value = self.value(expression)
            if part.type.const and not value.variable:
                raise Mistake(expression.place, f"{name}: a variable is expected")
            if not part.type.const:
                self.must_be_writable(value, expression)
            self.fits_any(name, part, value, expression.place)
            codes.append(value.code)
        codes += [self.outside(part.value).code for part in parameters[len(arguments) :]]
        return Value(self.symbols.type(function.result), f"api::{name}({', '.join(codes)})")

    def fits_any(self, name, part, value, place):
        if bool(part.type.sizes) != (value.type.array is not None):
            raise Mistake(place, f"{name}: {'an array' if part.type.sizes else 'no array'} is expected")
        if name in ("ArrayResize", "ArrayFree") and value.type.array != "dynamic":
            raise Mistake(place, f"{name}: the array has a fixed size")
        if name == "ArraySort" and not value.type.element.number:
            raise Mistake(place, f"{name} sorts numbers only, not '{value.type}'")
        if name == "ZeroMemory":
            simple = value.type.plain and value.type != STRING
            if not simple and not (value.type.kind == "struct" and self.symbols.is_simple(value.type.name)):
                raise Mistake(place, f"ZeroMemory of '{value.type}', which has texts, arrays or objects")

    def variadic_call(self, name, arguments, place):
        fixed = self.symbols.reference.variadic[name].parameters
        result = self.symbols.type(self.symbols.reference.variadic[name].result)
        if len(arguments) <= len(fixed) - (1 if fixed else 0):
            raise Mistake(place, f"{name} takes at least {max(1, len(fixed))} arguments")
        values = [self.value(argument) for argument in arguments]
        for value in values:
            if not value.type.plain or value.type.kind == "enum":
                raise Mistake(place, f"{name} prints no '{value.type}'" + (": cast it" if value.type.plain else ""))
        if not fixed:
            return Value(result, f"api::{name}({{{', '.join(map(printed, values))}}})")
        if arguments[0].kind != "text":
            raise Mistake(place, f"{name}: this tool wants the format as a plain text")
        check_format(arguments[0].text, values[1:], name, place)
        rest = ", ".join(f"mql::Argument({value.code})" for value in values[1:])
        return Value(result, f"api::{name}({values[0].code}, {{{rest}}})")


def printed(value):
    if value.type.name == "datetime":
        return f"mql::text_of_time({value.code})"
    return value.code if value.type == STRING else f"mql::text({value.code})"


def check_format(text, values, name, place):
    shapes = [shape for shape in FORMAT.finditer(text) if shape.group() != "%%"]
    if len(shapes) != len(values):
        raise Mistake(place, f"{name}: the format wants {len(shapes)} values, {len(values)} are passed")
    for shape, value in zip(shapes, values):
        size, letter = shape.groups()
        if letter in "diuxX":
            wide = value.type.name in ("long", "ulong")
            good = value.type.integer and wide == (size in ("I64", "ll"))
        elif letter in "feEgG":
            good = value.type.name in ("double", "float")
        elif letter == "s":
            good = value.type == STRING
        else:
            good = False
        if not good:
            raise Mistake(place, f"{name}: {shape.group()} does not print '{value.type}'")
