"""Changes single tokens of the MQL5 sources, and finds out whether the check or a scenario notices.

A mutant is one change: an operator, a number, a constant of an enumeration, or a removed statement. The same seed gives
the same mutants.
"""

import random
import re
import shutil
import tempfile
from pathlib import Path

from .library import mistakes
from .tokens import SHAPES
from .variants import changed_bodies, merged

OPERATORS = {
    "==": ["!="], "!=": ["=="], "<": ["<=", ">"], ">": [">=", "<"], "<=": ["<"], ">=": [">"], "&&": ["||"],
    "||": ["&&"], "+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"], "!": [""], "++": ["--"], "--": ["++"],
    "+=": ["-="], "-=": ["+="], "%": ["*"],
}  # fmt: skip
STATEMENT = re.compile(
    r"^[ \t]+(?!return|const|static|virtual|input)[\w.\[\]]+(?:[=+-]=?|\(|\+\+)[^;{}]*;(?=[ \t]*(?://.*)?$)", re.M
)
LEAVE = re.compile(r"^[ \t]+(?:continue|break|return);", re.M)


class Mutant:
    def __init__(self, path, start, end, text, original):
        self.path, self.start, self.end, self.text = path, start, end, text
        self.line = original.count("\n", 0, start) + 1
        lines = original.splitlines()
        mutated = (original[:start] + text + original[end:]).splitlines()
        self.was, self.now = lines[self.line - 1].strip(), mutated[self.line - 1].strip()

    def __str__(self):
        return f"{self.path.name}:{self.line}: {self.was}  ->  {self.now}"


def mutants_of(path, members):
    """All mutants of one file. `members`: for each constant of an enumeration another one."""
    text = path.read_text()
    found = []

    def add(start, end, new):
        found.append(Mutant(path, start, end, new, text))

    for pattern in (STATEMENT, LEAVE):
        for statement in pattern.finditer(text):
            add(statement.start(), statement.end(), "{}")
    at = 0
    while at < len(text):
        shape = SHAPES.match(text, at)
        kind, word, start = shape.lastgroup, shape.group(), shape.start()
        at = shape.end()
        if kind == "directive":
            define = re.match(r"#define\s+\w+\s+\(?(-?[\d.]+)", word)
            if define:
                add(start + define.start(1), start + define.end(1), changed(define[1]))
        elif kind == "sign":
            for other in OPERATORS.get(word, []):
                add(start, at, other)
        elif kind == "number":
            add(start, at, changed(word))
        elif word in ("true", "false"):
            add(start, at, "false" if word == "true" else "true")
        elif word in members:
            add(start, at, members[word])
    return found


def changed(number):
    if "." in number:
        return "1.0" if float(number) == 0 else f"{float(number) * 2:.9f}"
    return str(int(number, 0) + 1)


def neighbours(reference):
    """For each constant of an enumeration another one of the same enumeration."""
    found = {}
    for names in reference.enumerations.values():
        names = list(names)
        for name, other in zip(names, names[1:] + names[:1]):
            if name != other:
                found[name] = other
    return found


class Trial:
    """Tries mutants. `suite` plays scenarios; `sources` are the originals; `only` names the files to change."""

    def __init__(self, build, suite, sources, folder, header, only=()):
        self.build, self.suite, self.folder, self.header = build, suite, Path(folder), header
        self.only = only
        # Bench uses nothing of the include that other programs do not use.
        self.originals = {source.path.name: source for source in sources if source.path.stem != "Bench"}

    def all_of_them(self):
        members = neighbours(self.build.reference)
        paths = sorted(self.folder.rglob("*.mqh")) + sorted(self.folder.rglob("*.mq5"))
        unknown = set(self.only) - {path.name for path in paths}
        if unknown:
            raise SystemExit(f"{self.folder} has no {', '.join(sorted(unknown))}")
        paths = [path for path in paths if not self.only or path.name in self.only]
        return [mutant for path in paths for mutant in mutants_of(path, members)]

    def sample(self, seed, count):
        all_of_them = self.all_of_them()
        random.Random(seed).shuffle(all_of_them)
        return all_of_them[:count], len(all_of_them)

    def verdicts(self, mutants):
        """For each mutant `check`, `scenario`, `survived`, `same` (the translation is unchanged) or `apart` (it changes
        more than functions and is not tried)."""
        verdicts, variants = {}, {name: {} for name in self.originals}
        for number, mutant in enumerate(mutants, 1):
            verdicts[number] = self.translated(number, mutant, variants)
        self.suite.program = self.build.linked(self.objects(variants))
        output, good = self.suite.endures(0)
        if not good:
            raise SystemExit(f"the sources as they are do not pass:\n{output}")
        for number, mutant in enumerate(mutants, 1):
            if verdicts[number] == "possible":
                changed = {name[:-4] for name, bodies in variants.items() if number in bodies}
                verdicts[number] = "survived" if self.suite.endures(number, changed)[1] else "scenario"
            yield mutant, verdicts[number]

    def translated(self, number, mutant, variants):
        with tempfile.TemporaryDirectory() as place:
            copy = Path(place) / "mql5"
            shutil.copytree(self.folder, copy)
            path = copy / mutant.path.relative_to(self.folder)
            text = path.read_text()
            path.write_text(text[: mutant.start] + mutant.text + text[mutant.end :])
            changes = {}
            for name, original in self.originals.items():
                ours = self.folder in original.path.parents
                if not ours and not original.tree.imports:
                    continue  # a program of the suite that does not use the include
                moved = copy / original.path.relative_to(self.folder) if ours else original.path
                source = self.build.source(moved, copy / "Include")
                if source.mistakes or mistakes(source, self.header):
                    return "check"
                changes[name] = changed_bodies(original, source)
        if None in changes.values():
            return "apart"
        for name, bodies in changes.items():
            if bodies:
                variants[name][number] = bodies
        return "possible" if any(changes.values()) else "same"

    def objects(self, variants):
        texts = [(merged(original, variants[name]), name[:-4] + ".cpp") for name, original in self.originals.items()]
        return self.build.objects(texts)
