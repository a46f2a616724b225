"""What is wrong with a program, and where.

A mistake ends the reading of a function or of a file. A doubt is what a careful author writes otherwise, though the
program means something: most of what MetaEditor warns of. This project's own sources have no doubts; of another
program they are told, and it is accepted.
"""

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


class Mistake(Exception):
    """What MetaEditor would refuse, or what is not known to this checker: where, and why."""

    def __init__(self, place, text):
        super().__init__(f"{place}: {text}")


class Doubt(str):
    """The reason of a doubt, where others are the reasons of mistakes. `weight`: of two functions the one is meant whose
    arguments raise fewer doubts, or lighter ones."""

    weight = 1


@dataclass(frozen=True)
class Place:
    path: Path
    line: int

    def __str__(self):
        return f"{self.path.name}:{self.line}"


class Findings:
    """`strict`: each doubt is a mistake. `trusted`: a folder of files that are not the author's, whose doubts are not
    told him."""

    def __init__(self, strict=True, trusted=None):
        self.strict, self.trusted = strict, trusted
        self.warnings = []
        self.weight = 0  # of all doubts

    def doubt(self, place, text):
        if self.strict:
            raise Mistake(place, text)
        self.weight += getattr(text, "weight", 1)
        if not self.trusted or self.trusted not in place.path.parents:
            self.warnings.append(f"{place}: {text}")

    def tell(self, place, reason):
        """Says what is wrong, where it is: None, or why."""
        if isinstance(reason, Doubt):
            self.doubt(place, reason)
        elif reason:
            raise Mistake(place, reason)

    @contextmanager
    def attempt(self, strict=False):
        """Tries what may be wrong, or not be meant: what it tells is forgotten."""
        was, count, weight = self.strict, len(self.warnings), self.weight
        self.strict = was or strict
        try:
            yield
        finally:
            del self.warnings[count:]
            self.strict, self.weight = was, weight
