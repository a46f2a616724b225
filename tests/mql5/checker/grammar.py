"""Statements and expressions of MQL5: from tokens to the tree."""

from .tokens import Mistake
from .tree import Expression, Statement, TypeName, Variable

SIMPLE = {
    "bool", "char", "uchar", "short", "ushort", "int", "uint", "long", "ulong", "float", "double",
    "datetime", "color", "string", "void",
}  # fmt: skip

KEYWORDS = SIMPLE | {
    "break", "case", "class", "const", "continue", "default", "delete", "do", "else", "enum", "false", "for",
    "if", "input", "sinput", "new", "NULL", "operator", "override", "private", "protected", "public", "return",
    "sizeof", "static", "struct", "switch", "this", "true", "virtual", "while",
}  # fmt: skip

# Words of C++ that a C++ compiler would accept and MetaEditor does not.
FOREIGN = {
    "auto", "unsigned", "signed", "nullptr", "goto", "try", "catch", "throw", "constexpr", "static_cast",
    "std", "size_t", "int32_t", "int64_t", "uint32_t", "uint64_t", "wchar_t", "decltype", "typename",
}  # fmt: skip

# From the loosest to the tightest.
BINARY = [
    ["||"], ["&&"], ["|"], ["^"], ["&"], ["==", "!="], ["<", ">", "<=", ">="], ["<<", ">>"], ["+", "-"],
    ["*", "/", "%"],
]  # fmt: skip
ASSIGN = {"=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="}


class Grammar:
    def __init__(self, tokens, types):
        self.tokens = tokens
        self.at = 0
        self.types = types | SIMPLE
        self.classes = set()

    @property
    def token(self):
        return self.tokens[self.at]

    def ahead(self, count):
        return self.tokens[min(self.at + count, len(self.tokens) - 1)]

    def skip(self, count=1):
        self.at = min(self.at + count, len(self.tokens) - 1)

    def take(self):
        token = self.token
        self.skip()
        return token

    def expect(self, sign, where):
        if self.token.text != sign or self.token.kind in ("text", "character"):
            raise Mistake(self.token.place, f"'{sign}' expected {where}, not {self.token.text}")
        self.skip()

    def words(self, *words):
        found = []
        while self.token.text in words and self.token.kind in ("name", "sign"):
            found.append(self.take().text)
        return found

    def name(self, what):
        token = self.take()
        if token.kind != "name" or token.text in KEYWORDS:
            raise Mistake(token.place, f"{what} expected, not {token.text}")
        if token.text in FOREIGN:
            raise Mistake(token.place, f"{token.text} is a word of C++, not of MQL5")
        return token

    def type_name(self, what):
        const = bool(self.words("const"))
        token = self.take()
        if token.text in FOREIGN:
            raise Mistake(token.place, f"{token.text} is a word of C++, not of MQL5")
        if token.kind != "name" or token.text not in self.types:
            if token.kind == "name" and token.text not in KEYWORDS:
                raise Mistake(token.place, f"unknown type {token.text} where {what} is expected")
            raise Mistake(token.place, f"{what} expected, not {token.text}")
        written = TypeName(token.text, token.place, const)
        self.pointer(written)
        return written

    def pointer(self, written):
        if self.token.text != "*":
            return
        if written.name not in self.classes:
            raise Mistake(self.token.place, f"MQL5 has pointers to objects of classes only, not to {written.name}")
        if written.const:
            raise Mistake(self.token.place, "this tool knows no pointers to constant objects")
        self.skip()
        written.pointer = True

    def sizes(self, type_name):
        while self.token.text == "[":
            self.skip()
            type_name.sizes.append(None if self.token.text == "]" else self.expression())
            self.expect("]", "after an array's size")
        if len(type_name.sizes) > 1:
            raise Mistake(type_name.place, "this tool knows arrays of one dimension only")

    def variables_after(self, type_name, name):
        variables = []
        while True:
            self.sizes(type_name)
            variable = Variable(type_name, name.text, name.place)
            if self.token.text == "=":
                self.skip()
                variable.value = self.list() if self.token.text == "{" else self.expression()
            elif self.token.text == "(" and type_name.name in self.classes and not type_name.pointer:
                variable.value = Expression("construct", name.place, type_name.name, self.arguments())
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
            parts.append(self.expression())
            if self.token.text != "}":
                self.expect(",", "between the values of a list")
        self.skip()
        return Expression("list", place, parts=parts)

    # --- statements ---

    def block(self):
        place = self.token.place
        self.expect("{", "at the beginning of a block")
        parts = []
        while self.token.text != "}":
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
        if token.text == "{":
            return self.block()
        if token.text == ";":
            self.skip()
            return Statement("empty", token.place)
        if token.text in ("input", "sinput"):
            raise Mistake(token.place, "an input stands outside of functions only")
        if token.text in ("static", "const") or (token.text in self.types and self.ahead(1).text != "("):
            static = bool(self.words("static"))
            type_name = self.type_name("a variable")
            if self.token.text == "&":
                raise Mistake(self.token.place, "only a parameter is a reference in MQL5")
            variables = self.variables_after(type_name, self.name("a variable's name"))
            for variable in variables:
                variable.static = static
            return Statement("variables", token.place, variables)
        if token.text in KEYWORDS - SIMPLE - {"this", "true", "false", "NULL", "sizeof"}:
            raise Mistake(token.place, f"unexpected {token.text}")
        value = self.expression()
        self.expect(";", "after a statement")
        return Statement("expression", token.place, [value])

    def condition(self, where):
        self.expect("(", f"after {where}")
        value = self.expression()
        self.expect(")", f"after the condition of {where}")
        return value

    def controlled(self, where):
        if self.token.text == ";":
            raise Mistake(self.token.place, f"empty statement after {where}")
        if self.token.kind == "name" and self.token.text in self.types and self.ahead(1).text != "(":
            raise Mistake(self.token.place, f"a variable cannot be declared right after {where}")
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
        first = Statement("empty", place)
        if self.token.text == ";":
            self.skip()
        else:
            first = self.statement()
        condition = None if self.token.text == ";" else self.expression()
        self.expect(";", "after the condition of for")
        steps = []
        while self.token.text != ")":
            steps.append(self.expression())
            if self.token.text != ")":
                self.expect(",", "between the steps of for")
        self.skip()
        return Statement("for", place, [first, condition, steps, self.controlled("for")])

    def switch_statement(self, place):
        value = self.condition("switch")
        self.expect("{", "after switch")
        cases = []  # (value or None for default, statements, place)
        while self.token.text != "}":
            token = self.take()
            if token.text not in ("case", "default"):
                raise Mistake(token.place, f"case or default expected, not {token.text}")
            label = self.expression() if token.text == "case" else None
            self.expect(":", f"after {token.text}")
            body = []
            while self.token.text not in ("case", "default", "}"):
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

    # --- expressions ---

    def expression(self):
        left = self.choice()
        if self.token.text in ASSIGN and self.token.kind == "sign":
            token = self.take()
            return Expression("assign", token.place, token.text, [left, self.expression()])
        return left

    def choice(self):
        condition = self.binary(0)
        if self.token.text != "?":
            return condition
        place = self.take().place
        yes = self.expression()
        self.expect(":", "in a choice with ?")
        return Expression("choice", place, parts=[condition, yes, self.choice()])

    def binary(self, level):
        if level == len(BINARY):
            return self.unary()
        left = self.binary(level + 1)
        while self.token.kind == "sign" and self.token.text in BINARY[level]:
            token = self.take()
            left = Expression("binary", token.place, token.text, [left, self.binary(level + 1)])
        return left

    def unary(self):
        token = self.token
        if token.kind == "sign" and token.text in ("-", "+", "!", "~", "++", "--"):
            self.skip()
            return Expression("unary", token.place, token.text, [self.unary()])
        if token.text == "(" and self.ahead(1).text in self.types and self.ahead(2).text == ")":
            self.skip()
            type_name = self.type_name("a cast")
            self.skip()
            return Expression("cast", token.place, parts=[self.unary()], type=type_name)
        if token.text == "new":
            self.skip()
            name = self.name("a class behind new")
            if name.text not in self.classes:
                raise Mistake(name.place, f"new makes objects of classes only, not {name.text}")
            arguments = self.arguments() if self.token.text == "(" else []
            return self.postfix(Expression("new", token.place, name.text, arguments))
        return self.postfix(self.primary())

    def postfix(self, value):
        while True:
            token = self.token
            if token.kind != "sign":
                return value
            if token.text == "(":
                value = Expression("call", token.place, parts=[value, *self.arguments()])
            elif token.text == ".":
                self.skip()
                value = Expression("member", token.place, self.name("a member's name").text, [value])
            elif token.text == "[":
                self.skip()
                value = Expression("index", token.place, parts=[value, self.expression()])
                self.expect("]", "after an index")
            elif token.text in ("++", "--"):
                self.skip()
                value = Expression("postfix", token.place, token.text, [value])
            else:
                return value

    def arguments(self):
        self.expect("(", "before arguments")
        arguments = []
        while self.token.text != ")":
            arguments.append(self.expression())
            if self.token.text != ")":
                self.expect(",", "or ')' between arguments")
        self.skip()
        return arguments

    def primary(self):
        token = self.take()
        if token.text == "(" and token.kind == "sign":
            value = self.expression()
            self.expect(")", "after an expression")
            return value
        if token.kind == "text":
            text = token.text[1:-1]
            while self.token.kind == "text":
                text += self.take().text[1:-1]
            return Expression("text", token.place, text)
        if token.kind in ("number", "character", "date"):
            return Expression(token.kind, token.place, token.text)
        if token.text in ("true", "false"):
            return Expression("truth", token.place, token.text)
        if token.text == "NULL":
            return Expression("null", token.place)
        if token.text == "this":
            return Expression("this", token.place)
        if token.text == "sizeof":
            self.expect("(", "after sizeof")
            type_name = self.type_name("a type")
            self.expect(")", "after sizeof(type")
            return Expression("sizeof", token.place, type=type_name)
        if token.text in SIMPLE - {"void"} and self.token.text == "(":
            inner = self.arguments()
            if len(inner) != 1:
                raise Mistake(token.place, f"{token.text}(...) converts one value")
            return Expression("cast", token.place, parts=inner, type=TypeName(token.text, token.place))
        if token.kind != "name" or token.text in KEYWORDS:
            raise Mistake(token.place, f"an expression expected, not {token.text}")
        if token.text in FOREIGN:
            raise Mistake(token.place, f"{token.text} is a word of C++, not of MQL5")
        return Expression("name", token.place, token.text)
