"""Checks expressions and translates them to C++."""

from . import literals
from .calls import Calls
from .conversions import as_number, as_text, common, convert, converted, why_not
from .mistakes import Mistake
from .names import Names
from .types import (
    BOOL, COLOR, DATETIME, DOUBLE, FLOAT, INT, LONG, NULL, STRING, UINT, ULONG, USHORT, Type, Value,
)  # fmt: skip


class Expressions(Names, Calls):
    def value(self, expression):
        return getattr(self, f"{expression.kind}_value")(expression)

    def condition(self, expression):
        """The C++ of a condition."""
        value = self.value(expression)
        if expression.kind == "assign":
            self.findings.doubt(expression.place, "an assignment as a condition: write ==")
        if value.type == BOOL or value.type.integer:
            return value.code
        reason = f"a condition is a bool or an integer, not '{value.type}'"
        if not (value.type.is_pointer or value.type.plain):
            raise Mistake(expression.place, reason)
        self.findings.doubt(expression.place, reason)
        return f"({converted(value, BOOL)})"

    def number_value(self, expression):
        number = literals.number(expression.text)
        if isinstance(number, float):
            kind = FLOAT if expression.text[-1] in "fF" else DOUBLE
            text = expression.text.rstrip("fF")
            return Value(kind, text + ("0" if text.endswith(".") else ""), constant=number)
        if number > 2**64 - 1:
            raise Mistake(expression.place, f"{expression.text} is too large")
        kind = INT if number < 2**31 else UINT if number < 2**32 else LONG if number < 2**63 else ULONG
        suffix = {INT: "", UINT: "u", LONG: "LL"}.get(kind, "ULL")
        return Value(kind, f"{number}{suffix}", constant=number)

    def plain(self, expression, text):
        wrong = literals.unknown_escape(text)
        if wrong:
            self.findings.doubt(expression.place, f"unknown escape {wrong}")
        return literals.plain_text(text)

    def text_value(self, expression):
        return Value(STRING, literals.cpp_text(self.plain(expression, expression.text)))

    def character_value(self, expression):
        number = literals.character(self.plain(expression, expression.text[1:-1])) & 0xFFFF
        return Value(USHORT, f"(unsigned short){number}", constant=number)

    def date_value(self, expression):
        seconds, wrong = literals.moment(expression.text)
        self.findings.tell(expression.place, wrong)
        return Value(DATETIME, f"{seconds}LL")

    def color_value(self, expression):
        number, wrong = literals.color(expression.text)
        self.findings.tell(expression.place, wrong)
        return Value(COLOR, f"{number}u", constant=number)

    def truth_value(self, expression):
        return Value(BOOL, expression.text)

    def null_value(self, expression):
        return Value(NULL, "NULL")

    def list_value(self, expression):
        raise Mistake(expression.place, "a list of values can only initialise a variable")

    def unary_value(self, expression):
        part, sign = expression.parts[0], expression.text
        if sign in ("++", "--"):
            return self.step(part, expression, f"{sign}({{}})")
        value = self.value(part)
        if sign in ("&", "*"):
            return self.pointed(sign, value, expression.place)
        operator = self.operator_call(sign, value, [], expression.place)
        if operator:
            return operator
        if sign == "!":
            return self.negated(value, expression.place)
        if not value.type.number and value.type.countable:
            self.findings.doubt(expression.place, f"{sign} of '{value.type}'")
            value = as_number(value)
        if not value.type.number or (sign == "~" and not value.type.integer):
            raise Mistake(expression.place, f"{sign} of '{value.type}'")
        known = value.constant
        constant = None if known is None else {"-": lambda: -known, "+": lambda: known, "~": lambda: ~known}[sign]()
        kind = common(value.type, INT) if value.type.integer else value.type
        return Value(kind, f"({sign}({value.code}))", constant=constant)

    def negated(self, value, place):
        if value.type.is_pointer:
            return Value(BOOL, f"(!({value.code}).valid())")
        if value.type == BOOL or value.type.integer:
            return Value(BOOL, f"(!({value.code}))")
        if not value.type.plain:
            raise Mistake(place, f"! of '{value.type}'")
        self.findings.doubt(place, f"! of '{value.type}'")
        return Value(BOOL, f"(!{converted(value, BOOL)})")

    def pointed(self, sign, value, place):
        """`&object` and `*pointer`."""
        if sign == "*":
            if not value.type.is_pointer:
                raise Mistake(place, f"* of '{value.type}', which is not a pointer")
            return self.object(value)
        value = self.object(value)
        if not value.type.is_object or not value.variable:
            raise Mistake(place, f"& of '{value.type}', which is not an object of a class")
        return Value(self.symbols.pointer(value.type.name, not value.writable), f"api::GetPointer({value.code})")

    def postfix_value(self, expression):
        return self.step(expression.parts[0], expression, f"({{}}){expression.text}")

    def step(self, part, expression, code):
        value = self.value(part)
        operator = self.operator_call(expression.text, value, [], expression.place)
        if operator:
            return operator
        self.must_be_writable(value, part)
        if not value.type.number:
            reason = f"{expression.text} of '{value.type}'"
            if not value.type.countable or value.type == BOOL:
                raise Mistake(expression.place, reason)
            self.findings.doubt(expression.place, reason)
        return Value(value.type, "(" + code.format(value.code) + ")")

    def must_be_writable(self, value, expression):
        if not value.variable:
            raise Mistake(expression.place, "a variable is expected")
        if not value.writable:
            raise Mistake(expression.place, f"'{describe(expression)}' is constant and cannot be changed")

    def assign_value(self, expression):
        target, source = expression.parts
        value = self.value(source)
        if expression.text == "=" and target.kind == "name":
            self.set(target.text)  # the target need not have a value yet
        into = self.value(target)
        meant = into if value.type.kind in ("pointer", "null") else self.object(into)
        operator = self.operator_call(expression.text, meant, [source], expression.place)
        if operator:
            return operator
        self.must_be_writable(into, target)
        if into.type.array is not None:
            raise Mistake(expression.place, "an array is copied by ArrayCopy, not by =")
        if expression.text == "=" and value.type.kind == "struct" and value.type.name in into.type.bases:
            return Value(into.type, f"(({value.type.cpp} &){into.code} = {value.code})")  # the common part
        if expression.text == "=":
            code = convert(value, into.type, expression.place, "assignment", self.findings)
            return Value(into.type, f"({into.code} = {code})")
        result = self.calculated(expression.text[:-1], into, value, expression.place)
        # Like MetaEditor, accept += on a narrow integer.
        if not (into.type.integer and value.type.integer):
            code = convert(result, into.type, expression.place, f"assignment by {expression.text}", self.findings)
            return Value(into.type, f"({into.code} = {code})")
        return Value(into.type, f"({into.code} = ({into.type.cpp})({result.code}))")

    def binary_value(self, expression):
        sign, (left, right) = expression.text, expression.parts
        if sign in ("&&", "||"):
            first = self.condition(left)
            with self.tentative():
                second = self.condition(right)
            return Value(BOOL, f"({first} {sign} {second})")
        first = self.value(left)
        operator = self.operator_call(sign, first, [right], expression.place)
        if operator:
            return operator
        second = self.value(right)
        if sign in ("==", "!=", "<", ">", "<=", ">="):
            return self.compared(sign, first, second, expression.place)
        return self.calculated(sign, first, second, expression.place)

    def compared(self, sign, left, right, place):
        kinds = {left.type, right.type}
        if any(kind.is_pointer for kind in kinds) and sign in ("==", "!="):
            return self.compared_pointers(sign, left, right, place)
        what = f"'{left.type}' {sign} '{right.type}'"
        if kinds == {STRING, NULL} and sign in ("==", "!="):
            text = left if left.type == STRING else right
            return Value(BOOL, f"({'!' if sign == '!=' else ''}({text.code}).is_null())")
        if left.type == right.type and left.type.plain:
            return Value(BOOL, f"({left.code} {sign} {right.code})")
        enums = [kind for kind in kinds if kind.kind == "enum"]
        others = [kind for kind in kinds if kind.kind != "enum"]
        if len(enums) == 1 and len(others) == 1 and others[0].name in ("int", "long"):
            return Value(BOOL, f"({left.code} {sign} {right.code})")
        if DATETIME in kinds and any(value.constant == 0 for value in (left, right)):
            return Value(BOOL, f"({left.code} {sign} {right.code})")
        left, right = (Value(INT, "0", constant=0) if value.type == NULL else value for value in (left, right))
        if not (left.type.number and right.type.number):
            return self.compared_otherwise(sign, left, right, what, place)
        into = common(left.type, right.type)
        for value in (left, right):
            signed = value.type.integer and value.type.name in ("char", "short", "int", "long")
            if into.name in ("uint", "ulong") and signed and not (value.constant is not None and value.constant >= 0):
                self.findings.doubt(place, f"sign mismatch in {what}")
        return Value(BOOL, f"(({into.cpp})({left.code}) {sign} ({into.cpp})({right.code}))")

    def compared_pointers(self, sign, left, right, place):
        first, second = (left, right) if left.type.kind == "pointer" and why_not(right, left.type) is None else (right, left)
        if first.type.kind != "pointer":
            raise Mistake(place, f"cannot compare '{left.type}' {sign} '{right.type}'")
        if second.type.guarded:  # comparing does not change the object
            second = Value(Type(second.type.name, "pointer", None, second.type.bases), second.code)
        code = f"({first.code}).is({convert(second, first.type, place, 'comparison', self.findings)})"
        return Value(BOOL, f"({'!' if sign == '!=' else ''}{code})")

    def compared_otherwise(self, sign, left, right, what, place):
        """Compares values of different kinds, as MQL5 does."""
        reason = f"cannot compare {what}"
        if not (left.type.plain and right.type.plain):
            raise Mistake(place, reason)
        self.findings.doubt(place, reason)
        if STRING in (left.type, right.type):
            return Value(BOOL, f"({as_text(left)} {sign} {as_text(right)})")
        left, right = as_number(left), as_number(right)
        into = common(left.type, right.type)
        return Value(BOOL, f"(({into.cpp})({left.code}) {sign} ({into.cpp})({right.code}))")

    def calculated(self, sign, left, right, place):
        what = f"'{left.type}' {sign} '{right.type}'"
        if left.type == STRING or right.type == STRING:
            if left.type == right.type and sign == "+":
                return Value(STRING, f"({left.code} + {right.code})")
            if sign != "+" or not all(value.type.plain for value in (left, right)):
                raise Mistake(place, f"implicit conversion between text and number in {what}")
            self.findings.doubt(place, f"implicit conversion between text and number in {what}")
            return Value(STRING, f"({as_text(left)} + {as_text(right)})")
        if left.type == DATETIME and sign in ("+", "-") and (right.type.integer or (sign, right.type) == ("-", DATETIME)):
            return Value(DATETIME if right.type.integer else LONG, f"({left.code} {sign} (long long)({right.code}))")
        time = DATETIME in (left.type, right.type) and sign in ("+", "-")
        if left.type == right.type and left.type.flags and sign == "|":
            known = None not in (left.constant, right.constant)
            return Value(left.type, f"({left.code} | {right.code})", constant=left.constant | right.constant if known else None)
        if not (left.type.number and right.type.number):
            usual = all(value.type.number or value.type.countable for value in (left, right))
            if not usual:
                raise Mistake(place, f"cannot calculate {what}")
            self.findings.doubt(place, f"cannot calculate {what}: write casts")
            left, right = as_number(left), as_number(right)
        into = common(left.type, right.type)
        if sign in ("%", "&", "|", "^", "<<", ">>") and not into.integer:
            raise Mistake(place, f"{sign} needs integers: {what}")
        if sign in ("<<", ">>"):
            into = common(left.type, INT)
        constant = None
        if into.integer and None not in (left.constant, right.constant) and sign in "+-*|&^":
            one, other = left.constant, right.constant
            constant = {"+": one + other, "-": one - other, "*": one * other, "|": one | other, "&": one & other,
                        "^": one ^ other}[sign]  # fmt: skip
        if sign in ("/", "%"):
            name = "divided" if sign == "/" else "remainder"
            if right.constant == 0:
                raise Mistake(place, f"division by zero in {what}")
            return Value(into, f"mql::{name}<{into.cpp}>({left.code}, {right.code})")
        code = f"(({into.cpp})({left.code}) {sign} ({into.cpp})({right.code}))"
        return Value(DATETIME if time and into.integer else into, code, constant=constant)

    def choice_value(self, expression):
        condition = self.condition(expression.parts[0])
        with self.tentative():
            yes, no = self.value(expression.parts[1]), self.value(expression.parts[2])
        kind = self.chosen_type(yes, no, expression.place)
        special = kind.kind == "pointer" or kind == STRING
        codes = [converted(value, kind) if special else value.code for value in (yes, no)]
        return Value(kind, f"({condition} ? ({kind.cpp})({codes[0]}) : ({kind.cpp})({codes[1]}))")

    def chosen_type(self, yes, no, place):
        if yes.type == no.type and yes.type.array is None and yes.type.kind not in ("class", "null") and yes.type.name != "void":
            return yes.type
        if yes.type.number and no.type.number:
            return common(yes.type, no.type)
        for one, other in ((yes.type, no.type), (no.type, yes.type)):
            if one == NULL and (other == STRING or other.kind == "pointer") and other.array is None:
                return other
            if one.kind == other.kind == "pointer" and other.name in one.bases:
                return other
        if yes.type == no.type or not all(value.type.plain for value in (yes, no)):
            raise Mistake(place, f"the two sides of ? : are '{yes.type}' and '{no.type}'")
        self.findings.doubt(place, f"the two sides of ? : are '{yes.type}' and '{no.type}'")
        if STRING in (yes.type, no.type):
            return STRING
        for kind in (DATETIME, COLOR):
            if kind in (yes.type, no.type):
                return kind
        return common(as_number(yes).type, as_number(no).type)

    def cast_value(self, expression):
        if expression.type.reference:
            return self.cast_reference(expression)
        return self.cast_to(self.value(expression.parts[0]), self.symbols.type(expression.type), expression.place)

    def cast_reference(self, expression):
        """`(uint &)variable`: the variable as another type of the same size."""
        value, kind = self.value(expression.parts[0]), self.symbols.type(expression.type)
        place = expression.place
        if not value.variable or not value.type.plain or not kind.plain:
            raise Mistake(place, f"no cast from '{value.type}' to '{kind} &'")
        if value.type.cpp != kind.cpp and self.symbols.size(value.type, place) != self.symbols.size(kind, place):
            raise Mistake(place, f"no cast from '{value.type}' to '{kind} &': they differ in size")
        self.findings.doubt(place, f"cast of a variable from '{value.type}' to '{kind} &'")
        return Value(kind, f"(({kind.cpp} &)({value.code}))", True, value.writable)

    def cast_to(self, value, kind, place):
        if kind.kind == "pointer":
            return self.cast_pointer(value, kind, place)
        if not value.type.plain or not kind.plain:
            if value.type == NULL and kind.plain:
                return Value(kind, f"{kind.cpp}()")
            if value.type == kind and kind.array is None and kind.name != "void":
                return value
            raise Mistake(place, f"no cast from '{value.type}' to '{kind}'")
        if STRING in (value.type, kind) and value.type != kind:
            if value.type == STRING or value.type.name not in ("int", "long", "uint", "ulong", "double", "float", "short",
                                                               "ushort", "char", "uchar"):  # fmt: skip
                self.findings.doubt(place, f"use a function instead of a cast from '{value.type}' to '{kind}'")
            return Value(kind, converted(value, kind))
        if kind.kind == "enum" and value.type.name in ("double", "float", "bool"):
            self.findings.doubt(place, f"no cast from '{value.type}' to '{kind}'")
        code = f"({value.code} != 0)" if kind == BOOL else f"({kind.cpp})({value.code})"
        keeps = kind.integer or kind.kind == "enum"
        constant = value.constant if isinstance(value.constant, int) and keeps else None
        return Value(kind, code, constant=constant)

    def cast_pointer(self, value, kind, place):
        source = value.type
        if source == NULL:
            return Value(kind, f"{kind.cpp}()")
        if not source.is_pointer:
            raise Mistake(place, f"no cast from '{source}' to '{kind}'")
        if kind.name in (source.name, *source.bases):
            return Value(kind, f"({kind.cpp})({value.code})")
        if source.name not in kind.bases:
            raise Mistake(place, f"no cast from '{source}' to '{kind}': neither is derived from the other")
        return Value(kind, f"mql::narrowed<{Type(kind.name, 'class').cpp}>({value.code})")

    def dynamic_value(self, expression):
        value, kind = self.value(expression.parts[0]), self.symbols.type(expression.type)
        if not value.type.is_pointer:
            raise Mistake(expression.place, f"dynamic_cast of '{value.type}', which is not a pointer")
        return Value(kind, f"mql::found_as<{Type(kind.name, 'class').cpp}>({value.code})")

    def sizeof_value(self, expression):
        kind = self.symbols.type(expression.type) if expression.type else self.unread(expression.parts[0])
        if kind.name in self.symbols.records and kind.array is None:
            return Value(ULONG, f"(unsigned long long)sizeof({kind.cpp})")
        size = self.symbols.size(kind, expression.place)
        return Value(ULONG, f"{size}ULL", constant=size)

    def typename_value(self, expression):
        kind = self.symbols.type(expression.type) if expression.type else self.unread(expression.parts[0])
        return Value(STRING, literals.cpp_text(str(kind)))

    def unread(self, expression):
        """The type of an expression that is not evaluated."""
        with self.tentative():
            if expression.kind == "name":
                self.set(expression.text)
            return self.value(expression).type


def describe(expression):
    if expression.kind in ("name", "member"):
        return expression.text
    return describe(expression.parts[0]) + "[...]" if expression.kind == "index" else expression.kind
