"""Reads a program with its includes and executes the preprocessor's directives.

It knows #include, #define, #undef, #ifdef, #ifndef, #else, #endif, #property and #resource. #import becomes a token. Any
other directive is a mistake.
"""

import re
from pathlib import Path

from .macros import Macros
from .mistakes import Findings, Mistake, Place
from .tokens import SHAPES, Token, source_text, tokens_of

PROPERTY = re.compile(
    r"copyright|link|version|description|icon|stacksize|library|strict|optimization_chart_mode"
    r"|script_show_(?:inputs|confirm)"
    r"|indicator_(?:applied_price|chart_window|separate_window|height|buffers|plots|minimum|maximum)"
    r"|indicator_(?:label|color|width|style|type|level)\d+|indicator_level(?:color|width|style)"
    r"|tester_(?:indicator|file|library|set|no_cache|everytick_calculate)"
)
LINE_GOES_ON = re.compile(r"\\[ \t]*(?://[^\n]*)?(?=\n)")
# Predefined by MQL5.
DEFINED = ("__MQL__", "__MQL5__", "_RELEASE")


class Reader:
    """Reads one program. `folders`: where <file> is searched for, in this order."""

    def __init__(self, folders, findings=None):
        self.folders = [Path(folder) for folder in folders]
        self.findings = findings or Findings()
        self.macros = Macros(self.findings, DEFINED)
        self.properties = {}
        self.tokens = []
        self.waiting = []  # tokens whose macros are not expanded yet
        self.seen = set()  # files; each is read once
        self.folder = Path()  # the program's

    def read(self, path):
        self.folder = Path(path).parent
        self._file(Path(path))
        end = Place(Path(path), source_text(Path(path)).count("\n") + 1)
        self.tokens.append(Token("end", "end of file", end))
        return self.tokens

    def _file(self, path):
        self.seen.add(path.resolve())
        text = source_text(path)
        conditions = []  # for each open #ifdef: whether its current branch is active
        at, line = 0, 1
        while at < len(text):
            shape = SHAPES.match(text, at)
            place = Place(path, line)
            if not shape and LINE_GOES_ON.match(text, at):
                self.findings.doubt(place, "a backslash outside a directive")
            elif not shape and all(conditions):
                raise Mistake(place, f"unexpected character {text[at]!r}")
            kind, found = (shape.lastgroup, shape.group()) if shape else ("space", text[at])
            at += len(found)
            line += found.count("\n")
            if kind == "directive":
                self._directive(found, place, conditions)
            elif kind not in ("space", "comment") and all(conditions):
                self.waiting.append(Token(kind, found, place))
        if conditions:
            raise Mistake(Place(path, line), "#endif is missing")
        self._expand()

    def _expand(self):
        """Expands the macros in what precedes a directive, which may change them."""
        self.tokens += self.macros.expanded(self.waiting)
        self.waiting.clear()

    def _directive(self, found, place, conditions):
        line = re.sub(r"\\\s*\n", " ", found[1:])
        line = re.sub(r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|//.*|/\*.*?\*/""", lambda part: part[1] or " ", line)
        word, rest = re.fullmatch(r"\s*(\w*)\s*(.*?)\s*", line, re.DOTALL).groups()
        if word in ("ifdef", "ifndef"):
            self._expand()
            conditions.append((rest in self.macros) == (word == "ifdef"))
        elif word in ("else", "endif"):
            if not conditions:
                raise Mistake(place, f"#{word} without #ifdef")
            was = conditions.pop()
            if word == "else":
                conditions.append(not was)
        elif all(conditions):
            carry_out = getattr(self, f"_{word}_directive", None)
            if not carry_out:
                raise Mistake(place, f"directive #{word} is not known to this checker")
            self._expand()
            carry_out(rest, place)

    def _define_directive(self, rest, place):
        self.macros.define(rest, place)

    def _undef_directive(self, rest, place):
        self.macros.undefine(rest)

    def _import_directive(self, rest, place):
        self.tokens.append(Token("import", rest.strip('"'), place))

    def _property_directive(self, rest, place):
        name, _, value = rest.partition(" ")
        if not PROPERTY.fullmatch(name):
            self.findings.doubt(place, f"#property {name} is not known to this checker")
        self.properties[name] = value.strip()

    def _resource_directive(self, rest, place):
        """`#resource "file" as type name` declares a variable. "file" may consist of several texts."""
        parts = self.macros.expanded(tokens_of(self._without_semicolon(rest, place), place))
        texts = 0
        while texts < len(parts) and (parts[texts].kind == "text" or (texts and parts[texts].text == "+")):
            texts += 1
        words = " ".join(part.text for part in parts[texts:])
        found = re.fullmatch(r"(?:as (\w+) (\w+)((?: \[ \])*))?", words)
        if not texts or parts[texts - 1].kind != "text" or not found:
            raise Mistake(place, '#resource needs "file", or "file" as type name')
        if found[1]:
            kind = "uint" if found[1] == "bitmap" else found[1]
            self.tokens += tokens_of(f"{kind} {found[2]}{found[3]};", place)

    def _without_semicolon(self, rest, place):
        if rest.endswith(";"):
            self.findings.doubt(place, "a directive does not end with a semicolon")
            return rest[:-1].rstrip()
        return rest

    def _include_directive(self, rest, place):
        given, rest = rest, self._without_semicolon(rest, place)
        name = rest[1:-1].strip().replace("\\", "/")
        if rest[:1] == '"' == rest[-1:]:
            folders = [place.path.parent]
        elif rest[:1] == "<" and rest[-1:] == ">":
            folders = self.folders
        else:
            raise Mistake(place, f'#include needs <file> or "file", not {rest}')
        path = next(filter(None, (found_in(folder, name) for folder in folders)), None)
        if not path and rest[0] == "<":
            beside = (self.folder, place.path.parent)
            path = next(filter(None, (found_in(folder, name) for folder in beside)), None)
            if path:
                reason = f'is searched for in the folder Include, but is beside the program: write "{rest[1:-1]}"'
                self.findings.doubt(place, f"{rest} {reason}")
        if not path:
            raise Mistake(place, f"file {rest} not found" + ", and not known to this checker" * (rest[0] == "<"))
        if path.resolve() not in self.seen:
            self._file(path)
        if given != rest and self.tokens and self.tokens[-1].text == "}":
            self.tokens.append(Token("sign", ";", place))  # it may end a declaration that the file leaves open


def found_in(folder, name):
    """The file in the folder, case-insensitively as in Windows; None if there is none."""
    path = folder
    for part in name.split("/"):
        if part in ("", ".", ".."):
            path = path / part
            continue
        exact = path / part
        if not exact.exists():
            same = [other for other in path.iterdir() if other.name.lower() == part.lower()] if path.is_dir() else []
            if not same:
                return None
            exact = same[0]
        path = exact
    return path if path.is_file() else None
