"""Snippets of MQL5, and what the checker must say of each: the tables in `snippets/`.

`=== title` begins a program, `--- title` the body of a function. The line that is wrong ends with `//~ reason`, where
the reason is a part of what the checker says. `//~ warning: reason` is a doubt: for another's program it is no more than
that. In front of either may stand `Header.mqh:LINE:`, where a header is wrong. A snippet without a mark must be accepted
without a doubt.
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
    """`line`: where the checker must find the reason, if not at a `place` in a header; None when it must find nothing."""

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
            raise ValueError(f"{table.name}:{number}: a title is wanted first, as in === title")
    return found


def snippet(where, is_body, lines):
    made = Snippet(where, "")
    while not lines[-1].strip():
        lines.pop()
    for number, line in enumerate(lines, 1):
        mark = MARK.search(line)
        if mark and made.line:
            raise ValueError(f"{where}: one mark is enough")
        if mark:
            made.line, made.place, made.doubt, made.reason = number, mark[1], bool(mark[2]), mark[3].strip()
    # The first line stays the first.
    made.text = "\n".join(["void OnStart(void) { " * is_body + lines[0], *lines[1:], *["}"] * is_body])
    return made


def check_snippets(build, tables=None):
    """What is judged otherwise than its table says, and how many snippets there are."""
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
    """How the checker's judgement differs from the table's; and the programs that it accepts."""
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
    """What differs when none of these tells the reason for that line."""
    if any(one.startswith(where) and reason in one for one in found):
        return []
    return [f"another reason is found: {found[0]}" if found else "accepted"]
