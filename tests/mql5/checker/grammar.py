"""Tokens, keywords and types: the base of the grammars."""

from .mistakes import Mistake
from .tree import TypeName

SIMPLE = {
    "bool", "char", "uchar", "short", "ushort", "int", "uint", "long", "ulong", "float", "double",
    "datetime", "color", "string", "void",
}  # fmt: skip

KEYWORDS = SIMPLE | {
    "break", "case", "class", "const", "continue", "default", "delete", "do", "else", "enum", "extern", "false", "for",
    "if", "input", "interface", "sinput", "new", "NULL", "operator", "override", "private", "protected", "public",
    "return", "sizeof", "static", "struct", "switch", "template", "this", "true", "typedef", "typename", "union",
    "virtual", "while",
}  # fmt: skip

RECORDS = ("struct", "class", "interface", "union")

# C++ that the compiler would accept and MetaEditor does not.
FOREIGN = {
    "auto", "unsigned", "signed", "nullptr", "goto", "try", "catch", "throw", "constexpr", "static_cast",
    "std", "size_t", "int32_t", "int64_t", "uint32_t", "uint64_t", "wchar_t", "decltype",
}  # fmt: skip


class Grammar:
    """`types`: the names of all known types. `classes`: those that pointers may point to."""

    def __init__(self, tokens, types, findings):
        self.tokens, self.findings = tokens, findings
        self.at = 0
        self.types = set(types) | SIMPLE
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
        return token

    def type_name(self, what):
        const = bool(self.words("const"))
        while self.token.text in self.classes and self.ahead(1).text == "::" and self.ahead(2).text in self.types:
            self.skip(2)  # a type declared in a class is known by its plain name
        token = self.take()
        if token.text in FOREIGN and token.text not in self.types:
            raise Mistake(token.place, f"{token.text} is C++ and not known to this checker")
        if token.kind != "name" or token.text not in self.types:
            if token.kind == "name" and token.text not in KEYWORDS:
                raise Mistake(token.place, f"type {token.text}, where {what} is expected, is not known to this checker")
            raise Mistake(token.place, f"{what} expected, not {token.text}")
        written = TypeName(self.made_type(token), token.place, const)
        self.pointer(written)
        return written

    def made_type(self, token):
        """The name of the type at this token; overridden for class templates."""
        return token.text

    def pointer(self, written):
        if self.words("const"):
            written.const = True
        if self.token.text != "*":
            return
        if written.name not in self.classes:
            raise Mistake(self.token.place, f"a pointer can point only to an object of a class, not to {written.name}")
        self.skip()
        if self.token.text == "*":
            raise Mistake(self.token.place, "a pointer cannot point to another pointer")
        written.pointer, written.fixed = True, bool(self.words("const"))

    def at_type(self, ahead=0):
        """The number of tokens of a type that begins `ahead` tokens from here; 0 if there is none."""
        at = ahead + (self.ahead(ahead).text == "const")
        while self.ahead(at).text in self.classes and self.ahead(at + 1).text == "::" and self.ahead(at + 2).text in self.types:
            at += 2
        if self.ahead(at).kind != "name" or self.ahead(at).text not in self.types:
            return 0
        at += 1
        if self.ahead(at).text == "<" and self.ahead(at - 1).text in self.generic_names():
            depth = 0
            while self.ahead(at).kind != "end":
                depth += {"<": 1, ">": -1, ">>": -2}.get(self.ahead(at).text, 0)
                at += 1
                if depth <= 0:
                    break
        at += self.ahead(at).text == "const"
        at += self.ahead(at).text == "*"
        at += self.ahead(at).text == "const"
        return at - ahead

    def generic_names(self):
        """The names of the class templates."""
        return ()

    def at_declaration(self):
        """Whether a variable is declared here."""
        size = self.at_type()
        after = self.ahead(size)
        return size > 0 and ((after.kind == "name" and after.text != "operator") or after.text == "&")

    def sizes(self, type_name):
        while self.token.text == "[":
            self.skip()
            type_name.sizes.append(None if self.token.text == "]" else self.expression())
            while self.token.text == ",":
                self.skip()
                type_name.sizes.append(self.expression())
            self.expect("]", "after an array's size")
        if None in type_name.sizes[1:]:
            raise Mistake(type_name.place, "only the first dimension of an array may lack a size")
