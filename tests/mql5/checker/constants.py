"""Constant expressions: sizes of arrays, members of enumerations, cases."""

from .literals import character, number, plain_text
from .mistakes import Mistake
from .types import SIZES

CALCULATE = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "|": lambda a, b: a | b,
    "&": lambda a, b: a & b, "^": lambda a, b: a ^ b, "<<": lambda a, b: a << min(b, 64), ">>": lambda a, b: a >> min(b, 64),
    "==": lambda a, b: int(a == b), "!=": lambda a, b: int(a != b), "<": lambda a, b: int(a < b),
    ">": lambda a, b: int(a > b), "<=": lambda a, b: int(a <= b), ">=": lambda a, b: int(a >= b),
    "&&": lambda a, b: int(bool(a and b)), "||": lambda a, b: int(bool(a or b)),
}  # fmt: skip


def constant(expression, symbols):
    """The number of a constant expression."""
    value = known(expression, symbols)
    if value is None:
        raise Mistake(expression.place, "a constant expected")
    return value


def known(expression, symbols):
    """The number of an expression; None if it is not constant."""
    kind, parts = expression.kind, expression.parts
    if kind == "number":
        return number(expression.text)
    if kind == "character":
        return character(plain_text(expression.text[1:-1]))
    if kind == "truth":
        return int(expression.text == "true")
    if kind == "scoped" and expression.text in symbols.enumerations.get(expression.owner, {}):
        return symbols.enumerations[expression.owner][expression.text]
    if kind in ("name", "scoped"):
        return named(expression.text, symbols)
    if kind == "sizeof" and expression.type and expression.type.name in SIZES:
        return SIZES[expression.type.name]
    values = [known(part, symbols) for part in parts]
    if kind not in ("unary", "binary", "cast", "choice") or None in values:
        return None
    if kind == "unary":
        return {"-": lambda a: -a, "+": lambda a: a, "!": lambda a: int(not a), "~": lambda a: ~int(a)}.get(
            expression.text, lambda a: None
        )(values[0])
    if kind == "cast":
        return values[0] if expression.type.name in ("double", "float") else int(values[0])
    if kind == "choice":
        return values[1] if values[0] else values[2]
    return calculated(expression.text, *values)


def calculated(sign, left, right):
    if sign in ("/", "%"):
        if not right:
            return None
        whole = isinstance(left, int) and isinstance(right, int)
        if sign == "%":
            return abs(left) % abs(right) * (-1 if left < 0 else 1) if whole else None
        return (abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)) if whole else left / right
    if sign not in CALCULATE or (sign in ("|", "&", "^", "<<", ">>") and not isinstance(left, int)):
        return None
    return CALCULATE[sign](left, right)


def named(name, symbols):
    if name in symbols.constants:
        return symbols.constants[name][1]
    variable = symbols.variables.get(name)
    if variable and variable.type.const and not variable.type.sizes and variable.value is not None:
        return known(variable.value, symbols)
    return None
