"""Checks the bodies of functions and translates them to C++."""

from contextlib import contextmanager
from dataclasses import dataclass

from .constants import known
from .initialisers import Initialisers
from .mistakes import Mistake
from .types import BOOL, VOID, Type, cpp_name


@dataclass
class Local:
    name: str
    kind: Type
    code: str
    const: bool
    place: object
    used: bool = False


class Body(Initialisers):
    """One function of the program. `lines` is its C++."""

    def __init__(self, symbols, function):
        self.symbols, self.function, self.findings = symbols, function, symbols.findings
        self.owner = symbols.records.get(function.owner)
        self.const_method, self.static_method = function.const, function.static
        self.result = symbols.type(function.result)
        self.scopes, self.assigned, self.lines = [], set(), []
        self.loops = self.switches = 0
        self.is_global = False  # whether it is the initialiser of a global variable

    def translate(self):
        self.open()
        for part in self.function.parameters:
            kind = self.symbols.parameter(part.type)
            if kind.kind in ("struct", "class") and kind.array is None and not part.type.reference:
                raise Mistake(part.place, f"{part.name}: a {kind.kind} must be passed by reference")
            local = self.declare(part, kind, part.type.constant)
            local.used = True
            self.assigned.add(part.name)
        ended = self.statements(self.function.body)
        if not ended and self.result != VOID:
            self.findings.doubt(self.function.end, f"not all control paths of {self.function.name} return a value")
            self.lines.append(f"return mql::unset<{self.result.cpp}>();")
        self.close()
        return self.lines

    def base_initialisers(self):
        """The C++ of a constructor's initialiser list."""
        self.open()
        for part in self.function.parameters:
            self.declare(part, self.symbols.parameter(part.type), part.type.constant).used = True
            self.assigned.add(part.name)
        codes = []
        for name, arguments, place in self.function.bases:
            found = self.symbols.field(self.owner.name, name)
            if name == self.owner.base:
                methods, _ = self.symbols.methods(name, name)
                code = self.chosen(methods, arguments, place)[1] if methods else ""
                codes.append(f"{cpp_name(name)}({code})")
            elif found and found[1] is self.owner:
                codes.append(f"{cpp_name(name)}({self.initialised(found[0], arguments, place)})")
            else:
                raise Mistake(place, f"{self.owner.name} has no own member {name} to initialise")
        self.close()
        return " : " + ", ".join(codes) if codes else ""

    # --- names ---

    def open(self):
        self.scopes.append({})

    def close(self):
        for local in self.scopes.pop().values():
            if not local.used:
                self.findings.doubt(local.place, f"variable '{local.name}' not used")

    def local(self, name):
        for scope in reversed(self.scopes):
            if name in scope:
                scope[name].used = True
                return scope[name]
        return None

    @contextmanager
    def tentative(self):
        """Restores the set of assigned variables afterwards: the code may not be executed, or is only tried."""
        kept = set(self.assigned)
        try:
            yield
        finally:
            self.assigned = kept

    def set(self, name):
        if any(name in scope for scope in self.scopes):
            self.assigned.add(name)

    def declare(self, variable, kind, const):
        name = variable.name
        if name in self.scopes[-1]:
            raise Mistake(variable.place, f"variable '{name}' is declared twice")
        if any(name in scope for scope in self.scopes):
            self.findings.doubt(variable.place, f"variable '{name}' is declared twice")
        hidden = name in self.symbols.variables or (self.owner and self.symbols.field(self.owner.name, name))
        if hidden:
            self.findings.doubt(variable.place, f"declaration of '{name}' hides another one")
        if name in self.symbols.constants or name in self.symbols.reference.variables:
            self.findings.doubt(variable.place, f"'{name}' is a constant")
        if kind == VOID:
            raise Mistake(variable.place, f"'{name}' cannot be void")
        self.assigned.discard(name)
        local = Local(name, kind, cpp_name(name), const, variable.place)
        self.scopes[-1][name] = local
        return local

    def outside(self, expression):
        """The value of a default argument, where no local name is visible."""
        kept, self.scopes = self.scopes, []
        value = self.value(expression)
        self.scopes = kept
        return value

    # --- statements ---

    def emit(self, place, code):
        self.lines.append(f'#line {place.line} "{place.path.name}"')
        self.lines.append(code)

    def statements(self, parts):
        """Translates statements; returns whether their end is never reached."""
        ended = False
        for part in parts:
            if ended:
                self.findings.doubt(part.place, "unreachable code")
            ended = self.statement(part) or ended
        return ended

    def statement(self, part):
        return getattr(self, f"{part.kind}_part")(part)

    def empty_part(self, part):
        return False

    def block_part(self, part):
        self.lines.append("{")
        self.open()
        ended = self.statements(part.parts)
        self.close()
        self.lines.append("}")
        return ended

    def controlled(self, part):
        """The body of an if or a loop, in braces."""
        self.lines.append("{")
        self.open()
        ended = self.statement(part)
        self.close()
        self.lines.append("}")
        return ended

    def expression_part(self, part):
        for expression in part.parts:
            effect = expression.kind in ("assign", "call", "postfix")
            if not effect and not (expression.kind == "unary" and expression.text in ("++", "--")):
                self.findings.doubt(part.place, "expression has no effect")
            self.emit(part.place, f"(void)({self.value(expression).code});" if not effect else f"{self.value(expression).code};")
        return False

    def if_part(self, part):
        self.emit(part.place, f"if({self.condition(part.parts[0])})")
        before = set(self.assigned)
        yes = self.controlled(part.parts[1])
        after_yes, self.assigned = self.assigned, set(before)
        no = False
        if len(part.parts) == 3:
            self.lines.append("else")
            no = self.controlled(part.parts[2])
        sets = [found for found, ended in ((after_yes, yes), (self.assigned, no)) if not ended]
        self.assigned = set.intersection(*sets) if sets else after_yes
        return yes and no

    def loop(self, body):
        self.loops += 1
        with self.tentative():
            self.controlled(body)
        self.loops -= 1

    def while_part(self, part):
        self.emit(part.place, f"while({self.condition(part.parts[0])})")
        self.loop(part.parts[1])
        return False

    def do_part(self, part):
        self.emit(part.place, "do")
        self.loop(part.parts[1])
        self.emit(part.place, f"while({self.condition(part.parts[0])});")
        return False

    def for_part(self, part):
        first, condition, steps, body = part.parts
        self.lines.append("{")
        self.open()
        self.statement(first)
        test = self.condition(condition) if condition else "true"
        with self.tentative():
            codes = ", ".join(self.value(step).code for step in steps)
        self.emit(part.place, f"for(; {test}; {codes})")
        self.loop(body)
        self.close()
        self.lines.append("}")
        return False

    def switch_part(self, part):
        expression, cases = part.parts
        value = self.value(expression)
        if not value.type.integer and value.type.kind != "enum":
            if not value.type.countable:
                raise Mistake(part.place, f"switch over '{value.type}'")
            self.findings.doubt(part.place, f"switch over '{value.type}'")
        self.emit(part.place, f"switch({value.code}) {{")
        before, after, seen = set(self.assigned), [], {}
        self.switches += 1
        always = False
        for at, (label, body, place) in enumerate(cases):
            self.case(label, value.type, seen, place)
            self.assigned = set(before)
            self.lines.append("{")
            self.open()
            left = self.statements_of_case(body)
            if not left and body and at < len(cases) - 1:
                self.findings.doubt(place, "a case falls through to the next one: write break")
            self.close()
            self.lines.append("}")
            if left != "returns" and (body or at == len(cases) - 1):
                after.append(self.assigned)
            always = always or label is None
        self.switches -= 1
        self.lines.append("}")
        if not always:
            after.append(before)
        self.assigned = set.intersection(*after) if after else before
        return always and not after

    def case(self, label, kind, seen, place):
        if label is None:
            number, code = "default", "default:"
        else:
            case = self.value(label)
            number = case.constant if isinstance(case.constant, int) else known(label, self.symbols)
            if not isinstance(number, int):
                raise Mistake(place, "a case needs a constant")
            if kind.kind == "enum" and case.type != kind:
                self.findings.doubt(place, f"case '{case.type}' in a switch over '{kind}'")
            code = f"case {case.code}:" if case.constant is not None else f"case {number}LL:"
        if number in seen:
            raise Mistake(place, "duplicate case")
        seen[number] = True
        self.emit(place, code)

    def statements_of_case(self, body):
        """`returns`, `breaks`, or an empty text if the end is reached."""
        last = body[-1] if body else None
        while last is not None and last.kind == "block" and last.parts:
            last = last.parts[-1]
        ended = self.statements(body)
        if not ended:
            return ""
        return "breaks" if last is not None and last.kind == "break" else "returns"

    def return_part(self, part):
        value = part.parts[0]
        if self.result == VOID:
            if value is not None:
                raise Mistake(part.place, f"{self.function.name} returns nothing")
            self.emit(part.place, "return;")
            return True
        if value is None:
            raise Mistake(part.place, f"{self.function.name} must return '{self.result}'")
        self.emit(part.place, f"return {self.as_type(value, self.result, 'return value')};")
        return True

    def delete_part(self, part):
        value = self.value(part.parts[0])
        if not value.type.is_pointer:
            raise Mistake(part.place, f"delete needs a pointer, not '{value.type}'")
        self.emit(part.place, f"mql::unmade({value.code});")
        return False

    def break_part(self, part):
        if not self.loops and not self.switches:
            raise Mistake(part.place, "break outside a loop")
        self.emit(part.place, "break;")
        return True

    def continue_part(self, part):
        if not self.loops:
            raise Mistake(part.place, "continue outside a loop")
        self.emit(part.place, "continue;")
        return True
