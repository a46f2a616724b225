"""Calls of built-in functions, some of which take values of any type."""

from contextlib import suppress

from .conversions import as_text, common
from .formats import format_why_not
from .mistakes import Doubt, Mistake
from .types import STRING, Type, Value

# Functions whose first argument is the text that the others are put into.
FORMATTED = ("PrintFormat", "printf", "StringFormat")


class ReferenceCalls:
    def reference_call(self, name, arguments, place):
        functions = self.symbols.reference.functions[name]
        kinds = [part.type.name for function in functions for part in function.parameters]
        if name in ("CheckPointer", "GetPointer"):
            return self.pointer_call(name, arguments, place)
        if "number" in kinds:
            return self.number_call(name, functions[0], arguments, place)
        if {"any", "enumeration"} & set(kinds):
            return self.any_calls(name, functions, arguments, place)
        function, code = self.chosen(functions, arguments, place)
        return Value(self.symbols.type(function.result), f"api::{name}({code})")

    def pointer_call(self, name, arguments, place):
        if len(arguments) != 1:
            raise Mistake(place, f"{name} takes 1 arguments, not {len(arguments)}")
        value = self.value(arguments[0])
        if name == "CheckPointer":
            if value.type.is_object and value.variable:
                value = Value(self.symbols.pointer(value.type.name), f"api::GetPointer({value.code})")
            if not value.type.is_pointer:
                raise Mistake(place, f"{name} takes a pointer, not '{value.type}'")
            return Value(Type("ENUM_POINTER_TYPE", "enum"), f"api::CheckPointer({value.code})")
        value = self.object(value)
        if not value.type.is_object or not value.variable:
            raise Mistake(place, f"{name} takes an object of a class, not '{value.type}'")
        return Value(self.symbols.pointer(value.type.name, not value.writable), f"api::GetPointer({value.code})")

    def number_call(self, name, function, arguments, place):
        if len(arguments) != len(function.parameters):
            raise Mistake(place, f"{name} takes {len(function.parameters)} arguments, not {len(arguments)}")
        values = [self.value(argument) for argument in arguments]
        for value in values:
            if not value.type.number:
                reason = f"{name} takes numbers, not '{value.type}'"
                self.findings.tell(place, Doubt(reason) if value.type.countable else reason)
        kind = values[0].type
        for value in values[1:]:
            if kind != value.type:
                kinds = [one if one.number else Type("int" if one.kind == "enum" else "long") for one in (kind, value.type)]
                kind = common(*kinds)
        return Value(kind, f"api::{name}<{kind.cpp}>({', '.join(value.code for value in values)})")

    def any_calls(self, name, functions, arguments, place):
        fitting = [one for one in functions if sum(part.value is None for part in one.parameters) <= len(arguments)
                   <= len(one.parameters)]  # fmt: skip
        for function in fitting[:-1]:
            with suppress(Mistake):
                with self.tentative(), self.findings.attempt():
                    self.any_call(name, function, arguments, place)
                return self.any_call(name, function, arguments, place)
        return self.any_call(name, (fitting or functions)[-1], arguments, place)

    def any_call(self, name, function, arguments, place):
        parameters = function.parameters
        check_count(function, arguments, place)
        codes = []
        for part, expression in zip(parameters, arguments):
            if part.type.name not in ("any", "enumeration"):
                codes.append(self.argument(part, expression, name))
                continue
            by_reference = part.type.reference or part.type.sizes
            if by_reference and expression.kind == "name" and self.local(expression.text):
                self.set(expression.text)
            value = self.value(expression)
            if not by_reference:
                if not value.type.plain or (part.type.name == "enumeration" and value.type.kind != "enum"):
                    wanted = "an enumeration" if part.type.name == "enumeration" else "a simple value"
                    raise Mistake(expression.place, f"{name} takes {wanted}, not '{value.type}'")
            elif part.type.const and not value.variable:
                raise Mistake(expression.place, f"{name}: a variable is expected")
            elif not part.type.const:
                self.must_be_writable(value, expression)
            if by_reference:
                self.fits_any(name, part, value, expression.place)
            codes.append(value.code)
        codes += [self.outside(part.value).code for part in parameters[len(arguments) :]]
        return Value(self.symbols.type(function.result), f"api::{name}({', '.join(codes)})")

    def fits_any(self, name, part, value, place):
        if name == "ZeroMemory":
            return self.fits_zero(value, place)
        if bool(part.type.sizes) != (value.type.array is not None):
            raise Mistake(place, f"{name}: {'an array' if part.type.sizes else 'no array'} is expected")
        if name in ("ArrayResize", "ArrayFree") and value.type.array != "dynamic":
            raise Mistake(place, f"{name}: the array has a fixed size")
        if name == "ArraySort" and not value.type.single.number:
            reason = f"{name} sorts numbers only, not '{value.type}'"
            self.findings.tell(place, Doubt(reason) if value.type.single.countable else reason)
        return None

    def fits_zero(self, value, place):
        single = value.type.single
        simple = single.plain and single != STRING
        if not simple and not (single.kind == "struct" and self.symbols.is_simple(single.name)):
            reason = f"ZeroMemory of '{value.type}', which has strings, arrays or objects"
            self.findings.tell(place, Doubt(reason) if single.kind == "struct" or single == STRING else reason)

    def variadic_call(self, name, arguments, place):
        function = self.symbols.reference.variadic[name]
        fixed = function.parameters
        result = self.symbols.type(function.result)
        if len(arguments) < max(1, len(fixed)):
            raise Mistake(place, f"{name} takes at least {max(1, len(fixed))} arguments")
        first = [self.argument(part, value, name) for part, value in zip(fixed, arguments)]
        rest = arguments[len(fixed) :]
        values = [self.value(argument) for argument in rest]
        for value in values:
            if value.type.is_pointer:
                self.findings.doubt(place, f"{name} cannot print '{value.type}'")
            elif not value.type.plain:
                raise Mistake(place, f"{name} cannot print '{value.type}'")
            elif value.type.kind == "enum":
                self.findings.doubt(place, f"{name} cannot print '{value.type}': cast it")
        if name in FORMATTED:
            self.fits_format(name, arguments[0], values, place)
            codes = ", ".join(f"mql::Argument({value.code})" for value in values)
        else:
            codes = ", ".join("mql::text(0)" if value.type.kind == "pointer" else as_text(value) for value in values)
        return Value(result, f"api::{name}({''.join(f'{code}, ' for code in first)}{{{codes}}})")

    def fits_format(self, name, expression, values, place):
        reason = "only a literal format is known to this checker"
        if expression.kind == "text":
            reason = format_why_not(expression.text, values)
        if reason:
            self.findings.doubt(place, f"{name}: {reason}")


def check_count(function, arguments, place):
    most = len(function.parameters)
    if not sum(part.value is None for part in function.parameters) <= len(arguments) <= most:
        raise Mistake(place, f"{function.name} takes {most} arguments, not {len(arguments)}")
