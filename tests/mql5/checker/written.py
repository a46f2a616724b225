"""Mutants that people wrote: for each promise a mistake that breaks it, and the step of a scenario that must fail then.

The tables are in `mutants/`. An entry of them is

    an opening over the limit of total lots is sent
    in Mt5RedisGuards.mqh
    - if(most_>0.0 && more_>
    + if(!all_ && most_>0.0 && more_>
    fails follower_guards_lots at until printed text="Alert: SignalFollower: the total lots guard acts

The lines after `-` are in the file exactly once, and those after `+` take their place; none: they are removed. The
failing step begins with the text after `at`. Entries have blank lines between them, comments begin with #.
"""

import copy
import re
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .server import redis_port
from .variants import changed_bodies, merged

HERE = Path(__file__).parent.parent
AT_ONCE = 3  # a scenario waits most of the time
LONGEST = 240  # seconds for a scenario


@dataclass
class Written:
    name: str
    file: str
    old: str
    new: str
    scenario: str
    step: str

    @property
    def path(self):
        return HERE / "scenarios" / f"{self.scenario}.txt"

    @property
    def programs(self):
        """What its scenario attaches."""
        return set(re.findall(r"^(?:@\w+ |standby )*attach (\w+)", self.path.read_text(), re.MULTILINE))


def entries(text):
    """The entries of a table."""
    found = []
    for block in re.split(r"\n{2,}", text.strip()):
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        if not lines:
            continue
        name, file, fails = lines[0], lines[1], re.fullmatch(r"fails (\w+) at (.+)", lines[-1])
        middle = [line + " " for line in lines[2:-1]]
        if not file.startswith("in ") or not fails or not all(re.match(r"[-+] ", line) for line in middle):
            raise SystemExit(f"this is no mutant:\n{block}")
        part = {sign: "\n".join(line[2:-1] for line in middle if line[0] == sign) for sign in "-+"}
        mutant = Written(name, file[3:], part["-"], part["+"], fails[1], fails[2])
        if not any(step.startswith(mutant.step) for step in mutant.path.read_text().splitlines()):
            raise SystemExit(f"{name}: {mutant.path.name} has no step: {mutant.step}")
        found.append(mutant)
    return found


def tables(words):
    """The entries of all tables, or of those tables and entries that have one of these names, and of tables elsewhere."""
    found = [entry for word in words if word.endswith(".txt") for entry in entries(Path(word).read_text())]
    for path in sorted(HERE.glob("mutants/*.txt")):
        found += [entry for entry in entries(path.read_text()) if not words or path.stem in words or entry.name in words]
    names = [entry.name for entry in found]
    twice = {name for name in names if names.count(name) > 1}
    if twice or not found:
        raise SystemExit(f"two mutants are called {', '.join(sorted(twice))}" if twice else f"no mutant is called {words}")
    return found


class WrittenTrial:
    """`suite` plays the scenarios, each mutant with a Redis of its own."""

    def __init__(self, suite, words):
        self.suite, self.entries = suite, tables(words)
        self.folder = Path(suite.given.sources)
        self.originals = {source.path.name: source for source in suite.sources}

    def run(self):
        """Prints what became of each; returns 0 if every scenario is good without a mutant, and fails with its own."""
        self.build()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            bad = {}
            for path, failed in pool.map(self.base, sorted({entry.path for entry in self.entries})):
                if failed:
                    bad[path] = failed
                    print(f"fails without a mutant: {path.stem}: {failed}", flush=True)
            tried = [(number, entry) for number, entry in enumerate(self.entries, 1) if entry.path not in bad]
            results = list(pool.map(lambda one: self.noticed(*one), tried))
        print(f"{sum(results)} of {len(self.entries)} mutants are noticed")
        return 0 if all(results) and not bad else 1

    def build(self):
        """Builds one terminal with all mutants."""
        variants = {name: {} for name in self.originals}
        left = list(enumerate(self.entries, 1))
        while left:
            # Translating a program takes seconds, so mutants of different functions share one translation.
            together = {}
            for number, entry in left:
                together.setdefault(self.function(entry), (number, entry))
            left = [one for one in left if one not in together.values()]
            self.translate(together, variants)
        texts = [(merged(source, variants[name]), name[:-4] + ".cpp") for name, source in self.originals.items()]
        self.suite.program = self.suite.build.linked(self.suite.build.objects(texts))

    def function(self, entry):
        """The function that the mutant changes, such as CMt5RedisGuards.Exceeded."""
        text, start = self.place(entry)
        heads = re.findall(r"^\w[\w ]* \*?(\w+)::(~?\w+)\(", text[:start], re.MULTILINE)
        return ".".join(heads[-1]) if heads else entry.name

    def place(self, entry):
        """The text of the mutant's file, and where the mutant begins."""
        path = next(self.folder.rglob(entry.file), None)
        text = path.read_text() if path else ""
        if text.count(entry.old) != 1:
            raise SystemExit(f"{entry.name}: {entry.file} has {text.count(entry.old)} times:\n{entry.old}")
        return text, text.index(entry.old)

    def translate(self, together, variants):
        """Adds the changed functions of these mutants, by function, to the programs of their scenarios."""
        with tempfile.TemporaryDirectory() as place:
            copied = Path(place) / "mql5"
            shutil.copytree(self.folder, copied)
            for _, entry in together.values():
                path = next(copied.rglob(entry.file))
                path.write_text(path.read_text().replace(entry.old, entry.new))
            found = set()
            for program in sorted({program for _, entry in together.values() for program in entry.programs}):
                original = self.originals[program + ".mq5"]
                if self.folder not in original.path.parents:
                    continue
                source = self.suite.build.source(copied / original.path.relative_to(self.folder), copied / "Include")
                changed = None if source.mistakes else changed_bodies(original, source)
                if changed is None:
                    names = ", ".join(entry.name for _, entry in together.values())
                    raise SystemExit("\n".join(source.mistakes or [f"one of these changes more than a function: {names}"]))
                for key, lines in changed.items():
                    # The key also names the types of the parameters.
                    number, entry = together[".".join(key.split(".")[:2])]
                    if program in entry.programs:
                        variants[original.path.name].setdefault(number, {})[key] = lines
                    found.add(number)
        for number, entry in together.values():
            if number not in found:
                raise SystemExit(f"{entry.name}: the translation is the same")

    def base(self, path):
        return path, self.failure(path, 0)

    def noticed(self, number, entry):
        failed = self.failure(entry.path, number)
        good = failed is not None and failed.startswith(entry.step)
        verdict = "noticed" if good else "SURVIVED" if failed is None else "FAILED ELSEWHERE"
        print(f"{verdict}: {entry.name}: {entry.scenario}{'' if failed is None else f' at {failed}'}", flush=True)
        return good

    def failure(self, path, number):
        """The first step that fails with a mutant; None: none does."""
        suite = copy.copy(self.suite)
        suite.wine = copy.copy(suite.wine)
        suite.wine.environment = suite.wine.environment | {"MQL5_MUTANT": str(number)}
        with redis_port(None) as suite.redis:
            output, good = suite.play([path], LONGEST, patient=False)
        failed = re.search(rf"FAILED {re.escape(path.name)}:(\d+)", output)
        if good:
            return None
        return path.read_text().splitlines()[int(failed[1]) - 1] if failed else f"no step: {output[-600:]}"
