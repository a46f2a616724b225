"""Reads MQL5 text into tokens, and carries out its preprocessor directives.

Knows #include, #define without parameters, #ifdef, #ifndef, #else, #endif, #undef and #property. #import
becomes a token of its own. Anything else that begins with # is a mistake.
"""

import re
from dataclasses import dataclass
from pathlib import Path


class Mistake(Exception):
    """What MetaEditor would refuse, or this tool does not know: where, and why."""

    def __init__(self, place, text):
        super().__init__(f"{place}: {text}")


@dataclass(frozen=True)
class Place:
    path: Path
    line: int

    def __str__(self):
        return f"{self.path.name}:{self.line}"


@dataclass(frozen=True)
class Token:
    kind: str  # name, number, text, character, date, sign, import, end
    text: str
    place: Place


SHAPES = re.compile(
    r"""
      (?P<space>[ \t\r\n]+) | (?P<comment>//[^\n]*|/\*.*?\*/)
    | (?P<directive>\#[^\n]*)
    | (?P<date>D'[^'\n]*')
    | (?P<text>"(?:\\.|[^"\\\n])*")
    | (?P<character>'(?:\\.|[^'\\\n])')
    | (?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)
    | (?P<name>[A-Za-z_]\w*)
    | (?P<sign><<=|>>=|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||::|[-+*/%&|^]=|[-+*/%&|^~!<>=?:;,.()\[\]{}])
    """,
    re.VERBOSE | re.DOTALL,
)

PROPERTIES = {"copyright", "link", "version", "description", "icon", "script_show_inputs", "script_show_confirm"}


class Reader:
    """Reads one program with all it includes."""

    def __init__(self, include_folder, defined=()):
        self.include_folder = include_folder
        self.macros = {name: [] for name in defined}
        self.tokens = []
        self.open_files = []
        self.properties = {}

    def read(self, path):
        self._file(Path(path))
        end = Place(Path(path), Path(path).read_text(encoding="utf-8").count("\n") + 1)
        self.tokens.append(Token("end", "end of file", end))
        return self.tokens

    def _file(self, path):
        self.open_files.append(path.resolve())
        text = path.read_text(encoding="utf-8")
        conditions = []  # for each #ifdef that is open: whether its part is read
        at, line = 0, 1
        while at < len(text):
            shape = SHAPES.match(text, at)
            place = Place(path, line)
            if not shape:
                raise Mistake(place, f"unexpected character {text[at]!r}")
            kind, found = shape.lastgroup, shape.group()
            at = shape.end()
            line += found.count("\n")
            if kind == "directive":
                self._directive(found, place, conditions)
            elif kind not in ("space", "comment") and all(conditions):
                self._add(Token(kind, found, place), ())
        if conditions:
            raise Mistake(Place(path, line), "#endif is missing")
        self.open_files.pop()

    def _add(self, token, within):
        body = self.macros.get(token.text) if token.kind == "name" and token.text not in within else None
        if body is None:
            self.tokens.append(token)
            return
        for part in body:
            self._add(Token(part.kind, part.text, token.place), (*within, token.text))

    def _directive(self, found, place, conditions):
        word, _, rest = found[1:].strip().partition(" ")
        rest = re.split(r"\s//", rest.strip(), maxsplit=1)[0].strip()
        if word in ("ifdef", "ifndef"):
            conditions.append((rest in self.macros) == (word == "ifdef"))
        elif word in ("else", "endif"):
            if not conditions:
                raise Mistake(place, f"#{word} without #ifdef")
            was = conditions.pop()
            if word == "else":
                conditions.append(not was)
        elif not all(conditions):
            return
        elif word == "include":
            self._include(rest, place)
        elif word == "define":
            self._define(rest, place)
        elif word == "undef":
            self.macros.pop(rest, None)
        elif word == "property":
            name, _, value = rest.partition(" ")
            if name not in PROPERTIES:
                raise Mistake(place, f"unknown #property {name}")
            self.properties[name] = value.strip()
        elif word == "import":
            self.tokens.append(Token("import", rest.strip('"'), place))
        else:
            raise Mistake(place, f"unknown directive #{word}")

    def _include(self, rest, place):
        if rest[:1] == '"' == rest[-1:]:
            path = place.path.parent / rest[1:-1].replace("\\", "/")
        elif rest[:1] == "<" and rest[-1:] == ">":
            path = self.include_folder / rest[1:-1].replace("\\", "/")
        else:
            raise Mistake(place, f"#include wants <file> or \"file\", not {rest}")
        if not path.is_file():
            raise Mistake(place, f"file {rest} not found")
        if path.resolve() in self.open_files:
            raise Mistake(place, f"file {rest} includes itself")
        self._file(path)

    def _define(self, rest, place):
        name = re.match(r"[A-Za-z_]\w*", rest)
        if not name:
            raise Mistake(place, "#define wants a name")
        if rest[name.end() :].startswith("("):
            raise Mistake(place, f"#define {name.group()} has parameters: this tool does not know them")
        body, at = [], name.end()
        while at < len(rest):
            shape = SHAPES.match(rest, at)
            if not shape:
                raise Mistake(place, f"unexpected character {rest[at]!r}")
            if shape.lastgroup not in ("space", "comment"):
                body.append(Token(shape.lastgroup, shape.group(), place))
            at = shape.end()
        if name.group() in self.macros and body:
            raise Mistake(place, f"{name.group()} is defined twice")
        self.macros[name.group()] = body
