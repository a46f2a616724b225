"""The tokens of MQL5, and the encodings of source files."""

import re
from dataclasses import dataclass

from .mistakes import Mistake, Place


@dataclass(frozen=True)
class Token:
    kind: str  # name, number, text, character, date, color, sign, import, end
    text: str
    place: Place


SHAPES = re.compile(
    r"""
      (?P<space>[ \t\r\n\f\v]+) | (?P<comment>//[^\n]*|/\*.*?\*/)
    | (?P<directive>\#(?:\\.|[^\\\n])*)
    | (?P<date>D'[^'\n]*') | (?P<color>C'[^'\n]*')
    | (?P<text>"(?:\\.|[^"\\\n])*")
    | (?P<character>'(?:\\[xX][0-9a-fA-F]{1,4}|\\\d{1,5}|\\.|[^'\\\n])')
    | (?P<number>0[xX][0-9a-fA-F]+|0[bB][01]+|(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?[fF]?|\d+[eE][+-]?\d+[fF]?|\d+)
    | (?P<name>[^\W\d]\w*)
    | (?P<sign><<=|>>=|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||::|[-+*/%&|^]=|[-+*/%&|^~!<>=?:;,.()\[\]{}])
    """,
    re.VERBOSE | re.DOTALL,
)


def source_text(path):
    """The text of a source file: UTF-8 or UTF-16, with or without a byte order mark, else the Western code page."""
    data = path.read_bytes()
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16", "replace")
    elif data[1:2] == b"\0":
        text = data.decode("utf-16-le", "replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def tokens_of(text, place, joints=False):
    """The tokens of a short text. `joints`: # and ## are signs, as in a macro."""
    found, at = [], 0
    while at < len(text):
        if joints and text[at] == "#":
            size = 2 if text[at : at + 2] == "##" else 1
            found.append(Token("sign", text[at : at + size], place))
            at += size
            continue
        shape = SHAPES.match(text, at)
        if not shape or shape.lastgroup == "directive":
            raise Mistake(place, f"unexpected character {text[at]!r}")
        if shape.lastgroup not in ("space", "comment"):
            found.append(Token(shape.lastgroup, shape.group(), place))
        at = shape.end()
    return found
