"""Snippets of MQL5 and the checker's expected verdicts: the tables in `snippets/`.

`=== title` begins a program, `--- title` the body of a function. The wrong line ends with `//~ reason`, where the reason
is part of the checker's message. `//~ warning: reason` is a doubt, which is only a warning in a foreign program. If a
header is wrong, `Header.mqh:LINE:` precedes either. A snippet without a mark must be accepted without a doubt.
"""

import re
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

SNIPPETS = Path(__file__).parent.parent / "snippets"
TITLE = re.compile(r"(===|---) (.+)")
MARK = re.compile(r"//~ (\w+\.mqh:\d+: )?(warning: )?(.+)")


@dataclass
class Snippet:
    """`line`: where the reason must be found, unless at a `place` in a header; None if nothing must be found."""

    where: str
    text: str
    line: int | None = None
    place: str = ""
    doubt: bool = False
    reason: str = ""


def snippets_of(table):
    """All of one table."""
    found, title, lines, begin = [], None, [], 0
    for number, line in enumerate([*table.read_text().splitlines(), "=== end"], 1):
        heading = TITLE.fullmatch(line)
        if heading:
            if title:
                found.append(snippet(f"{table.name}:{begin}, {title[2]}", title[1] == "---", lines))
            title, lines, begin = heading, [], number
        elif title:
            lines.append(line)
        elif line.strip():
            raise ValueError(f"{table.name}:{number}: the table must begin with a title, as in === title")
    return found


def snippet(where, is_body, lines):
    made = Snippet(where, "")
    while not lines[-1].strip():
        lines.pop()
    for number, line in enumerate(lines, 1):
        mark = MARK.search(line)
        if mark and made.line:
            raise ValueError(f"{where}: only one mark is allowed")
        if mark:
            made.line, made.place, made.doubt, made.reason = number, mark[1], bool(mark[2]), mark[3].strip()
    # Keep the line numbers.
    made.text = "\n".join(["void OnStart(void) { " * is_body + lines[0], *lines[1:], *["}"] * is_body])
    return made


def check_snippets(build, tables=None):
    """The wrong verdicts, and the number of snippets."""
    tables = sorted(SNIPPETS.glob("*.txt")) if tables is None else tables
    wrong, count = [], 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        shutil.copytree(SNIPPETS, folder, ignore=shutil.ignore_patterns("*.txt"), dirs_exist_ok=True)  # what they include
        compiled = []
        for table in tables:
            programs = []
            for number, one in enumerate(snippets_of(table), 1):
                count += 1
                path = Path(folder) / f"{table.stem}_{number}.mq5"
                path.write_text(one.text)
                differences, accepted = judged(build, path, one)
                wrong += [f"{one.where}: {text}" for text in differences]
                programs += [program.cpp for program in accepted]
            compiled.append(pool.submit(build.compiled, "\n".join(programs), f"{table.stem}_snippets.cpp"))
        for future in compiled:
            future.result()  # raises when a translation does not compile
    return wrong, count


def judged(build, path, one):
    """How the checker's verdict differs from the table's, and the programs that it accepts."""
    where = one.place or f"{path.name}:{one.line}: "
    ours = build.foreign(path, [], strict=True)
    if one.line is None:
        wrong = [f"refused: {mistake}" for mistake in ours.mistakes[:1]]
        return wrong, [] if ours.mistakes else [ours]
    wrong = unlike(ours.mistakes[:1], where, one.reason)
    others = build.foreign(path, [])
    if not one.doubt:
        return wrong + unlike(others.mistakes[:1], where, one.reason), []
    if others.mistakes:
        return [*wrong, f"more than a doubt: {others.mistakes[0]}"], []
    return wrong + unlike(others.warnings, where, one.reason), [others]


def unlike(found, where, reason):
    """A difference, unless one of the messages gives the reason for that line."""
    if any(one.startswith(where) and reason in one for one in found):
        return []
    return [f"has another reason: {found[0]}" if found else "accepted"]
