"""The grammar of statements."""

from .expression_grammar import ExpressionGrammar
from .grammar import FOREIGN, KEYWORDS, RECORDS, SIMPLE
from .mistakes import Mistake
from .tree import Expression, Statement, TypeName, Variable

# Words that an expression may begin with.
BEGINNINGS = SIMPLE | {"this", "true", "false", "NULL", "sizeof", "typename", "new"}


class StatementGrammar(ExpressionGrammar):
    def variables_after(self, type_name, name):
        """The variables of a declaration, after its type and first name."""
        variables = []
        while True:
            self.sizes(type_name)
            variable = Variable(type_name, name.text, name.place)
            if self.token.text == "=":
                self.skip()
                variable.value = self.list() if self.token.text == "{" else self.expression()
            elif self.token.text == "{":
                variable.value = self.list()
            elif self.token.text == "(" and type_name.name in self.types - SIMPLE and not type_name.pointer:
                variable.value = Expression("construct", name.place, type_name.name, self.arguments(), type_name)
            elif self.token.text == "(":
                self.skip()
                variable.value = self.expression()
                self.expect(")", "after a variable's value")
            variables.append(variable)
            if self.token.text != ",":
                break
            self.skip()
            type_name = TypeName(type_name.name, type_name.place, type_name.const)
            self.pointer(type_name)
            name = self.name("a variable's name")
        self.expect(";", "after a variable")
        return variables

    def list(self):
        place = self.take().place
        parts = []
        while self.token.text != "}":
            parts.append(self.list() if self.token.text == "{" else self.expression())
            if self.token.text != "}":
                self.expect(",", "between the values of a list")
        self.skip()
        return Expression("list", place, parts=parts)

    def block(self):
        place = self.token.place
        self.expect("{", "at the beginning of a block")
        parts = []
        while self.token.text != "}" or self.token.kind != "sign":
            if self.token.kind == "end":
                raise Mistake(self.token.place, f"'}}' expected for the block that begins in line {place.line}")
            parts.append(self.statement())
        self.skip()
        return Statement("block", place, parts)

    def statement(self):
        token = self.token
        method = getattr(self, f"{token.text}_statement", None) if token.kind == "name" else None
        if method:
            self.skip()
            return method(token.place)
        if token.kind == "sign" and token.text == "{":
            return self.block()
        if token.kind == "sign" and token.text == ";":
            self.skip()
            return Statement("empty", token.place)
        if token.text in ("input", "sinput", "extern"):
            raise Mistake(token.place, "an input must be outside functions")
        if token.kind == "name" and token.text in RECORDS and self.ahead(1).kind == "name":
            variables = self.record()  # like all types, it is known everywhere
            return Statement("variables", token.place, variables)
        if token.kind == "name" and token.text == "enum":
            self.enumeration()
            return Statement("empty", token.place)
        if token.text in ("static", "const") or self.at_declaration():
            return self.declared()
        if token.kind == self.ahead(1).kind == "name":
            if token.text in FOREIGN:
                raise Mistake(token.place, f"{token.text} is C++ and not known to this checker")
            if not {token.text, self.ahead(1).text} & KEYWORDS:
                raise Mistake(token.place, f"type {token.text} is not known to this checker")
        if token.text in KEYWORDS - BEGINNINGS:
            raise Mistake(token.place, f"unexpected {token.text}")
        return Statement("expression", token.place, self.several(";", "after a statement"))

    def declared(self):
        place = self.token.place
        words = self.words("static", "const")
        type_name = self.type_name("a variable")
        words += self.words("static", "const")
        type_name.const = type_name.const or "const" in words
        if self.token.text == "&":
            raise Mistake(self.token.place, "a reference other than a parameter is not known to this checker")
        variables = self.variables_after(type_name, self.name("a variable's name"))
        for variable in variables:
            variable.static = "static" in words
        return Statement("variables", place, variables)

    def several(self, end, where):
        """Expressions separated by commas."""
        values = []
        while not values or self.token.text == ",":
            self.skip(bool(values))
            values.append(self.expression())
        self.expect(end, where)
        return values

    def condition(self, where):
        self.expect("(", f"after {where}")
        value = self.expression()
        self.expect(")", f"after the condition of {where}")
        return value

    def controlled(self, where):
        if self.token.text == ";" and self.token.kind == "sign":
            self.findings.doubt(self.token.place, f"empty statement after {where}")
        if self.at_declaration():
            self.findings.doubt(self.token.place, f"a variable cannot be declared directly after {where}")
        return self.statement()

    def if_statement(self, place):
        parts = [self.condition("if"), self.controlled("if")]
        if self.words("else"):
            parts.append(self.controlled("else"))
        return Statement("if", place, parts)

    def while_statement(self, place):
        return Statement("while", place, [self.condition("while"), self.controlled("while")])

    def do_statement(self, place):
        body = self.controlled("do")
        self.expect("while", "after the body of do")
        condition = self.condition("while")
        self.expect(";", "after do ... while")
        return Statement("do", place, [condition, body])

    def for_statement(self, place):
        self.expect("(", "after for")
        first = self.statement()
        condition = None if self.token.text == ";" else self.expression()
        self.expect(";", "after the condition of for")
        steps = []
        if self.token.text == ")":
            self.skip()
        else:
            steps = self.several(")", "after the steps of for")
        return Statement("for", place, [first, condition, steps, self.controlled("for")])

    def switch_statement(self, place):
        value = self.condition("switch")
        self.expect("{", "after switch")
        cases = []  # (value or None for default, statements, place)
        while self.token.text != "}":
            token = self.take()
            if token.text not in ("case", "default"):
                raise Mistake(token.place, f"case or default expected, not {token.text}")
            label = self.choice() if token.text == "case" else None
            self.expect(":", f"after {token.text}")
            body = []
            while self.token.text not in ("case", "default", "}") or self.token.kind in ("text", "character"):
                if self.token.kind == "end":
                    raise Mistake(self.token.place, f"'}}' expected for the switch that begins in line {place.line}")
                body.append(self.statement())
            cases.append((label, body, token.place))
        self.skip()
        return Statement("switch", place, [value, cases])

    def return_statement(self, place):
        value = None if self.token.text == ";" else self.expression()
        self.expect(";", "after return")
        return Statement("return", place, [value])

    def break_statement(self, place):
        self.expect(";", "after break")
        return Statement("break", place)

    def continue_statement(self, place):
        self.expect(";", "after continue")
        return Statement("continue", place)

    def delete_statement(self, place):
        value = self.expression()
        self.expect(";", "after delete")
        return Statement("delete", place, [value])

    def else_statement(self, place):
        raise Mistake(place, "else without if")
