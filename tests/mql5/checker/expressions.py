"""Checks expressions and puts them into C++."""

import calendar
import re

from .calls import Calls
from .tokens import Mistake
from .types import (
    BOOL, DATETIME, DOUBLE, INT, LONG, NULL, NUMBERS, STRING, UINT, USHORT, Type, Value, common, convert, cpp_name,
    why_not,
)  # fmt: skip

ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'", "0": "\0"}


def unescape(text, place):
    def one(match):
        if match.group(1) not in ESCAPES:
            raise Mistake(place, f"unknown escape \\{match.group(1)}")
        return ESCAPES[match.group(1)]

    return re.sub(r"\\(.)", one, text, flags=re.DOTALL)


def cpp_text(text):
    units = "".join(
        char if char.isascii() and char.isprintable() and char not in '"\\?' else f'\\x{unit:x}""'
        for char in text
        for unit in [ord(char)]
    )
    return f'mql::String(u"{units}")'


class Expressions(Calls):
    """One function's view of the names: `symbols`, the class it belongs to, and its local variables."""

    def value(self, expression):
        return getattr(self, f"{expression.kind}_value")(expression)

    def as_type(self, expression, kind, what):
        return convert(self.value(expression), kind, expression.place, what)

    def condition(self, expression):
        value = self.value(expression)
        if expression.kind == "assign":
            raise Mistake(expression.place, "an assignment as a condition: == is meant")
        if value.type != BOOL and not value.type.integer:
            raise Mistake(expression.place, f"a condition is a truth or a whole number, not '{value.type}'")
        return value.code

    def number_value(self, expression):
        text = expression.text
        if re.fullmatch(r"0[xX][0-9a-fA-F]+|\d+", text):
            number = int(text, 0) if text.lower().startswith("0x") else int(text)
            if number > 2**64 - 1:
                raise Mistake(expression.place, f"{text} is too large")
            kind = INT if number < 2**31 else UINT if number < 2**32 else LONG if number < 2**63 else Type("ulong")
            suffix = {INT: "", UINT: "u", LONG: "LL"}.get(kind, "ULL")
            return Value(kind, f"{number}{suffix}", constant=number)
        return Value(DOUBLE, text + ("0" if text.endswith(".") else ""), constant=float(text))

    def text_value(self, expression):
        return Value(STRING, cpp_text(unescape(expression.text, expression.place)))

    def character_value(self, expression):
        number = ord(unescape(expression.text[1:-1], expression.place))
        return Value(USHORT, f"(unsigned short){number}", constant=number)

    def date_value(self, expression):
        found = re.fullmatch(r"D'(\d{4})\.(\d\d)\.(\d\d)(?: (\d\d):(\d\d)(?::(\d\d))?)?'", expression.text)
        if not found or not 1 <= int(found[2]) <= 12 or not 1 <= int(found[3]) <= 31:
            raise Mistake(expression.place, f"{expression.text} is no date")
        parts = [int(part or 0) for part in found.groups()]
        return Value(DATETIME, f"{calendar.timegm((*parts, 0, 0, 0))}LL")

    def truth_value(self, expression):
        return Value(BOOL, expression.text)

    def null_value(self, expression):
        return Value(NULL, "NULL")

    def this_value(self, expression):
        if not self.owner or self.owner.kind != "class" or self.static_method:
            raise Mistake(expression.place, "only a method of an object has this")
        if self.const_method:
            raise Mistake(expression.place, "this tool knows no this in a constant method")
        return Value(self.symbols.pointer(self.owner.name), "api::GetPointer(*this)")

    def new_value(self, expression):
        name = cpp_name(expression.text)
        return Value(self.symbols.pointer(expression.text), f"mql::made<{name}>({self.constructed(expression)})")

    def construct_value(self, expression):
        return Value(Type(expression.text, "class"), f"{cpp_name(expression.text)}({self.constructed(expression)})")

    def constructed(self, expression):
        """The C++ of a constructor's arguments."""
        name, code = expression.text, ""
        methods, record = self.symbols.methods(name, name)
        if methods:
            method, code = self.chosen(methods, expression.parts, expression.place)
            self.allow(method, record, expression.place)
        elif expression.parts:
            raise Mistake(expression.place, f"{name} has no constructor with arguments")
        return code

    def list_value(self, expression):
        raise Mistake(expression.place, "a list of values initialises a variable only")

    def name_value(self, expression):
        name, place = expression.text, expression.place
        local = self.local(name)
        if local:
            if local.kind.plain and local.name not in self.assigned:
                raise Mistake(place, f"possible use of uninitialized variable '{name}'")
            return Value(local.kind, local.code, True, not local.const)
        if self.owner:
            found = self.symbols.field(self.owner.name, name)
            if found:
                if self.static_method and not found[0].static:
                    raise Mistake(place, f"a static method has no {name}")
                self.allow(found[0], found[1], place)
                return self.field_value(found[0], cpp_name(name), not self.const_method)
        if name in self.symbols.variables:
            if self.is_global:
                raise Mistake(place, "this tool initialises a global variable by constants only")
            variable = self.symbols.variables[name]
            kind = self.symbols.type(variable.type, self.symbols.constant_size(variable.type))
            return Value(kind, f"globals->{cpp_name(name)}", True, not variable.input and not variable.type.const)
        if name in self.symbols.constants:
            kind, number = self.symbols.constants[name]
            code = f"({number})" if name not in self.symbols.reference.constants else f"api::{name}"
            return Value(kind, code, constant=number)
        if name in self.symbols.reference.variables:
            return Value(self.symbols.reference.type(self.symbols.reference.variables[name]), f"api::{name}()")
        raise Mistake(place, f"undeclared identifier '{name}'")

    def field_value(self, field, code, writable):
        kind = self.symbols.type(field.type, self.symbols.constant_size(field.type))
        return Value(kind, code, True, writable and not field.type.const)

    def member_value(self, expression):
        of = self.object(self.value(expression.parts[0]))
        if of.type.array is not None or of.type.kind not in ("struct", "class"):
            raise Mistake(expression.place, f"'{of.type}' has no members, and so no {expression.text}")
        found = self.symbols.field(of.type.name, expression.text)
        if not found:
            raise Mistake(expression.place, f"{of.type} has no member '{expression.text}'")
        field, record = found
        code = f"({of.code}).{cpp_name(expression.text)}"
        if record is None:
            return Value(self.symbols.reference.type(field), code, of.variable, of.writable)
        self.allow(field, record, expression.place)
        return self.field_value(field, code, of.writable)

    def index_value(self, expression):
        of, at = self.value(expression.parts[0]), self.value(expression.parts[1])
        if of.type.array is None:
            raise Mistake(expression.place, f"'{of.type}' is no array")
        if not at.type.integer:
            raise Mistake(expression.place, f"an index is a whole number, not '{at.type}'")
        return Value(of.type.element, f"({of.code}).at({at.code})", True, of.writable)

    def unary_value(self, expression):
        part = expression.parts[0]
        if expression.text in ("++", "--"):
            return self.step(part, expression, f"{expression.text}({{}})")
        value = self.value(part)
        if expression.text == "!":
            if value.type.kind == "pointer" and value.type.array is None:
                return Value(BOOL, f"(!({value.code}).valid())")
            if value.type != BOOL and not value.type.integer:
                raise Mistake(expression.place, f"! of '{value.type}'")
            return Value(BOOL, f"(!({value.code}))")
        if not value.type.number or (expression.text == "~" and not value.type.integer):
            raise Mistake(expression.place, f"{expression.text} of '{value.type}'")
        constant = -value.constant if value.constant is not None and expression.text == "-" else None
        kind = common(value.type, INT) if value.type.integer else value.type
        return Value(kind, f"({expression.text}({value.code}))", constant=constant)

    def postfix_value(self, expression):
        return self.step(expression.parts[0], expression, f"({{}}){expression.text}")

    def step(self, part, expression, code):
        value = self.value(part)
        self.must_be_writable(value, part)
        if not value.type.number:
            raise Mistake(expression.place, f"{expression.text} of '{value.type}'")
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
            self.set(target.text)  # what is written need not have been set before
        into = self.value(target)
        self.must_be_writable(into, target)
        if into.type.array is not None:
            raise Mistake(expression.place, "an array is copied by ArrayCopy, not by =")
        if expression.text == "=":
            return Value(into.type, f"({into.code} = {convert(value, into.type, expression.place, 'assignment')})")
        result = self.calculated(expression.text[:-1], into, value, expression.place)
        # As MetaEditor does, += on a narrow integer is not taken for a loss.
        if not (into.type.integer and value.type.integer):
            convert(result, into.type, expression.place, f"assignment by {expression.text}")
        return Value(into.type, f"({into.code} = ({into.type.cpp})({result.code}))")

    def binary_value(self, expression):
        sign, (left, right) = expression.text, expression.parts
        if sign in ("&&", "||"):
            first = self.condition(left)
            known = set(self.assigned)
            second = self.condition(right)
            self.assigned = known
            return Value(BOOL, f"({first} {sign} {second})")
        left, right = self.value(left), self.value(right)
        if sign in ("==", "!=", "<", ">", "<=", ">="):
            return self.compared(sign, left, right, expression.place)
        return self.calculated(sign, left, right, expression.place)

    def compared(self, sign, left, right, place):
        kinds = {left.type, right.type}
        if any(kind.kind == "pointer" and kind.array is None for kind in kinds) and sign in ("==", "!="):
            first, second = (left, right) if why_not(right, left.type) is None else (right, left)
            code = f"({first.code}).is({convert(second, first.type, place, 'comparison')})"
            return Value(BOOL, f"({'!' if sign == '!=' else ''}{code})")
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
        if not (left.type.number and right.type.number):
            raise Mistake(place, f"cannot compare {what}")
        into = common(left.type, right.type)
        for value in (left, right):
            signed = value.type.integer and value.type.name in ("char", "short", "int", "long")
            if into.name in ("uint", "ulong") and signed and not (value.constant is not None and value.constant >= 0):
                raise Mistake(place, f"sign mismatch in {what}")
        return Value(BOOL, f"(({into.cpp})({left.code}) {sign} ({into.cpp})({right.code}))")

    def calculated(self, sign, left, right, place):
        what = f"'{left.type}' {sign} '{right.type}'"
        if left.type == STRING or right.type == STRING:
            if sign != "+" or left.type != right.type:
                raise Mistake(place, f"implicit conversion between text and number in {what}")
            return Value(STRING, f"({left.code} + {right.code})")
        if left.type == DATETIME and sign in ("+", "-") and (right.type.integer or (sign, right.type) == ("-", DATETIME)):
            return Value(DATETIME if right.type.integer else LONG, f"({left.code} {sign} (long long)({right.code}))")
        if not (left.type.number and right.type.number):
            raise Mistake(place, f"cannot calculate {what}")
        into = common(left.type, right.type)
        if sign in ("%", "&", "|", "^", "<<", ">>") and not into.integer:
            raise Mistake(place, f"{sign} wants whole numbers: {what}")
        if sign in ("<<", ">>"):
            into = common(left.type, INT)
        constant = None
        if into.integer and None not in (left.constant, right.constant) and sign in "+-*":
            constant = {"+": left.constant + right.constant, "-": left.constant - right.constant,
                        "*": left.constant * right.constant}[sign]  # fmt: skip
        if sign in ("/", "%"):
            name = "divided" if sign == "/" else "remainder"
            if right.constant == 0:
                raise Mistake(place, f"division by zero in {what}")
            return Value(into, f"mql::{name}<{into.cpp}>({left.code}, {right.code})")
        return Value(into, f"(({into.cpp})({left.code}) {sign} ({into.cpp})({right.code}))", constant=constant)

    def choice_value(self, expression):
        condition = self.condition(expression.parts[0])
        known = set(self.assigned)
        yes, no = self.value(expression.parts[1]), self.value(expression.parts[2])
        self.assigned = known
        if yes.type == no.type and (yes.type.plain or (yes.type.kind == "pointer" and yes.type.array is None)):
            kind = yes.type
        elif yes.type.number and no.type.number:
            kind = common(yes.type, no.type)
        else:
            raise Mistake(expression.place, f"the two sides of ? : are '{yes.type}' and '{no.type}'")
        return Value(kind, f"({condition} ? ({kind.cpp})({yes.code}) : ({kind.cpp})({no.code}))")

    def cast_value(self, expression):
        value = self.value(expression.parts[0])
        kind = self.symbols.type(expression.type)
        if not value.type.plain or not kind.plain:
            raise Mistake(expression.place, f"no cast from '{value.type}' to '{kind}'")
        if STRING in (value.type, kind) and value.type != kind:
            if value.type == STRING or value.type.name not in NUMBERS:
                raise Mistake(expression.place, f"say it by a function: cast from '{value.type}' to '{kind}'")
            return Value(STRING, f"mql::text({value.code})")
        if kind.kind == "enum" and value.type.name in ("double", "float", "bool"):
            raise Mistake(expression.place, f"no cast from '{value.type}' to '{kind}'")
        code = f"({value.code} != 0)" if kind == BOOL else f"({kind.cpp})({value.code})"
        constant = value.constant if isinstance(value.constant, int) and kind.integer else None
        return Value(kind, code, constant=constant)

    def sizeof_value(self, expression):
        kind = self.symbols.type(expression.type)
        if kind.name in self.symbols.records:
            return Value(Type("ulong"), f"(unsigned long long)sizeof({kind.cpp})")
        size = self.symbols.size(kind, expression.place)
        return Value(Type("ulong"), f"{size}ULL", constant=size)


def describe(expression):
    if expression.kind in ("name", "member"):
        return expression.text
    return describe(expression.parts[0]) + "[...]" if expression.kind == "index" else expression.kind
