"""Several terminals play one scenario: the order in which they do its lines.

A line `@NAME ...` is for the terminal NAME. Each terminal reads the whole scenario, and waits at the lines of another one
until that one is behind them.
"""

import re
import threading

LONGEST = 240  # seconds for a line; a terminal that ends lets the others go on
LINE = re.compile(r"^@(\w+) ", re.MULTILINE)


def terminals_of(path):
    """The names of the terminals that play this scenario; empty: it has only one, without a name."""
    return sorted(set(LINE.findall(path.read_text())))


def kills_of(path, name=None):
    """How often a terminal ends in this scenario."""
    return len(re.findall(rf"^@{name} kill" if name else r"^kill", path.read_text(), re.MULTILINE))


class Turns:
    def __init__(self):
        self.lines = {}  # by scenario and terminal: the last line that is done
        self.ended = set()
        self.changed = threading.Condition()

    def wait(self, name, question):
        """The terminal `name` is at a line of another one, or, without that, at the end of the scenario."""
        scenario, line, other = question["scenario"], question["line"], question["of"]
        with self.changed:
            self.lines[scenario, name] = line - 1 if other else float("inf")
            self.changed.notify_all()
            done = self.changed.wait_for(
                lambda: not other or other in self.ended or self.lines.get((scenario, other), 0) >= line, LONGEST)
        return [] if done else [f"{other} does not come to line {line} of {scenario}"]

    def end(self, name):
        with self.changed:
            self.ended.add(name)
            self.changed.notify_all()
