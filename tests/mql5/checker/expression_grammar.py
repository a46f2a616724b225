"""The grammar of expressions."""

from .grammar import KEYWORDS, SIMPLE, Grammar
from .mistakes import Mistake
from .tree import Expression, TypeName

# From the loosest to the tightest.
BINARY = [
    ["||"], ["&&"], ["|"], ["^"], ["&"], ["==", "!="], ["<", ">", "<=", ">="], ["<<", ">>"], ["+", "-"],
    ["*", "/", "%"],
]  # fmt: skip
ASSIGN = {"=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="}


class ExpressionGrammar(Grammar):
    def expression(self):
        left = self.choice()
        if self.token.text in ASSIGN and self.token.kind == "sign":
            token = self.take()
            return Expression("assign", token.place, token.text, [left, self.expression()])
        return left

    def choice(self):
        condition = self.binary(0)
        if self.token.text != "?" or self.token.kind != "sign":
            return condition
        place = self.take().place
        yes = self.expression()
        self.expect(":", "in a choice with ?")
        return Expression("choice", place, parts=[condition, yes, self.expression()])

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
        if token.kind == "sign" and token.text in ("-", "+", "!", "~", "++", "--", "&", "*"):
            self.skip()
            return Expression("unary", token.place, token.text, [self.unary()])
        if token.kind == "sign" and token.text == "(":
            size = self.at_type(1)
            end = size + 1 + (self.ahead(size + 1).text == "&")
            if size and self.ahead(end).text == ")":
                self.skip()
                type_name = self.type_name("a cast")
                type_name.reference = bool(self.words("&"))
                self.skip()
                return Expression("cast", token.place, parts=[self.unary()], type=type_name)
        if token.text == "new" and token.kind == "name":
            return self.postfix(self.made())
        return self.postfix(self.primary())

    def made(self):
        self.skip()
        name = self.token
        if name.kind != "name" or name.text not in self.classes:
            raise Mistake(name.place, f"new creates objects of classes only, not {name.text}")
        written = self.type_name("a class behind new")
        arguments = self.arguments() if self.token.text == "(" else []
        return Expression("new", name.place, written.name, arguments)

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
                while self.token.text == ",":
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
        while self.token.text != ")" or self.token.kind != "sign":
            arguments.append(self.expression())
            if self.token.text != ")":
                self.expect(",", "or ')' between arguments")
        self.skip()
        return arguments

    def primary(self):
        token = self.token
        if token.text in SIMPLE - {"void"} and self.ahead(1).text == "(":
            self.skip()
            inner = self.arguments()
            if len(inner) != 1:
                raise Mistake(token.place, f"{token.text}(...) converts one value")
            return Expression("cast", token.place, parts=inner, type=TypeName(token.text, token.place))
        if token.kind == "name" and token.text in self.types and token.text not in SIMPLE:
            size = self.at_type()
            if size and self.ahead(size).text == "(":
                written = self.type_name("a type")
                return Expression("construct", token.place, written.name, self.arguments(), written)
        self.skip()
        if token.text == "(" and token.kind == "sign":
            value = self.expression()
            self.expect(")", "after an expression")
            return value
        if token.kind == "text":
            text = token.text[1:-1]
            while self.token.kind == "text":
                text += self.take().text[1:-1]
            return Expression("text", token.place, text)
        if token.kind in ("number", "character", "date", "color"):
            return Expression(token.kind, token.place, token.text)
        word = getattr(self, f"{token.text}_word", None) if token.kind == "name" else None
        if word:
            return word(token)
        if token.text == "::" or self.token.text == "::":
            return self.scoped(token)
        if token.kind != "name" or token.text in KEYWORDS:
            raise Mistake(token.place, f"an expression expected, not {token.text}")
        name = Expression("name", token.place, token.text)
        if token.text in ("__FUNCTION__", "__FUNCSIG__") and self.token.kind == "text":
            return Expression("binary", token.place, "+", [name, self.primary()])  # texts side by side are one
        return name

    def scoped(self, token):
        owner = ""
        if token.text != "::":
            owner = token.text
            self.skip()
        return Expression("scoped", token.place, self.name("a name after ::").text, owner=owner)

    def true_word(self, token):
        return Expression("truth", token.place, token.text)

    false_word = true_word

    def NULL_word(self, token):  # noqa: N802
        return Expression("null", token.place)

    def this_word(self, token):
        return Expression("this", token.place)

    def sizeof_word(self, token):
        """`sizeof` and `typename` take a type or an expression."""
        word, part = token.text, None
        self.expect("(", f"after {word}")
        if self.at_type() and self.ahead(self.at_type()).text == ")":
            part = self.type_name("a type")
        found = Expression(word, token.place, parts=[] if part else [self.expression()], type=part)
        self.expect(")", f"after {word}(...")
        return found

    typename_word = sizeof_word

    def dynamic_cast_word(self, token):
        self.expect("<", "after dynamic_cast")
        written = self.type_name("a pointer to a class")
        self.expect(">", "after dynamic_cast<type")
        inner = self.arguments()
        if len(inner) != 1 or not written.pointer:
            raise Mistake(token.place, "dynamic_cast<class *>(...) converts one pointer")
        return Expression("dynamic", token.place, parts=inner, type=written)
