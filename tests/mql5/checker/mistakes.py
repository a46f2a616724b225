"""Mistakes and doubts, with their places.

A mistake ends the check of a function or file. A doubt is most of what MetaEditor warns about: the program is valid, but
a careful author would write it differently. In this project's sources a doubt is a mistake; in another program it is a
warning.
"""

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


class Mistake(Exception):
    """What MetaEditor would refuse, or what this checker does not know."""

    def __init__(self, place, text):
        super().__init__(f"{place}: {text}")


class Doubt(str):
    """The reason of a doubt; a plain str is the reason of a mistake. `weight`: overload resolution prefers the function
    with the smaller sum."""

    weight = 1


@dataclass(frozen=True)
class Place:
    path: Path
    line: int

    def __str__(self):
        return f"{self.path.name}:{self.line}"


class Findings:
    """`strict`: doubts are mistakes. `trusted`: a folder whose doubts are not reported, as its files are not the
    author's."""

    def __init__(self, strict=True, trusted=None):
        self.strict, self.trusted = strict, trusted
        self.warnings = []
        self.weight = 0  # the sum over all doubts

    def doubt(self, place, text):
        if self.strict:
            raise Mistake(place, text)
        self.weight += getattr(text, "weight", 1)
        if not self.trusted or self.trusted not in place.path.parents:
            self.warnings.append(f"{place}: {text}")

    def tell(self, place, reason):
        """Reports a reason, if there is one."""
        if isinstance(reason, Doubt):
            self.doubt(place, reason)
        elif reason:
            raise Mistake(place, reason)

    @contextmanager
    def attempt(self, strict=False):
        """Tries something; its doubts are forgotten."""
        was, count, weight = self.strict, len(self.warnings), self.weight
        self.strict = was or strict
        try:
            yield
        finally:
            del self.warnings[count:]
            self.strict, self.weight = was, weight
