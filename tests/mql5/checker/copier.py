"""Plays generated scenarios of sources and followers, and reports where a follower holds something else than it must."""

import re
import time
from collections import Counter

from .troubles import Case
from .turns import kills_of, terminals_of

BATCH = 20  # scenarios without a kill that the same terminals play one after another


class Copier:
    """`keep`: the folder for scenarios that fail."""

    def __init__(self, suite, keep):
        self.suite, self.keep = suite, keep
        self.keep.mkdir(parents=True, exist_ok=True)
        self.facts, self.cases, self.failed = Counter(), 0, []

    def seeds(self, seed, until):
        """Plays batches from this seed on, until `until(cases)`."""
        while not until(self.cases):
            batch = []
            while len(batch) < BATCH and not until(self.cases + len(batch)):
                batch.append(self.write(seed))
                seed += 1
            self.play(batch)
            print(f"{self.cases} cases, {len(self.failed)} with a difference; the next seed is {seed}", flush=True)

    def write(self, seed):
        case = Case(seed)
        path = self.keep / f"copier-{seed}.txt"
        path.write_text(case.scenario())
        self.facts.update(case.facts)
        return path

    def play(self, paths):
        for path in paths:
            self.facts[f"terminals: {len(terminals_of(path))}"] += 1
            self.facts[f"kills: {sum(kills_of(path, name) for name in terminals_of(path))}"] += 1
        output, good = self.suite.play(paths, limit=600)
        failed = {path for path in paths if f"FAILED {path.name}:" in output}
        if not good and not failed:
            # No scenario says why: all are kept.
            print(output)
            failed = set(paths)
        for path in paths:
            self.cases += 1
            if path not in failed:
                path.unlink()
                continue
            self.failed.append(path)
            path.with_suffix(".log").write_text(output)
            print(f"DIFFERENCE {path}")
            for line in re.findall(rf"^\S+ FAILED {re.escape(path.name)}:.*$", output, re.MULTILINE)[:3]:
                print(f"  {line}", flush=True)

    def summary(self):
        for fact, count in sorted(self.facts.items()):
            print(f"{count:6} {fact}")
        print(f"{self.cases} cases, {len(self.failed)} with a difference")
        return 1 if self.failed else 0


def minutes(count):
    end = time.monotonic() + 60 * count
    return lambda _: time.monotonic() > end
