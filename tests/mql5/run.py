"""Checks the project's MQL5 sources and plays scenarios with them. README.md explains it.

    run.py check                    the sources under mql5/, and the snippets
    run.py check FILE...            any programs, an EA for example
    run.py reference                the stand-in terminal against reference.tsv
    run.py scenarios [FILE...]      all scenarios, or these, against the DLL and a Redis
    run.py random SEED COUNT        generated scenarios
    run.py days SEED COUNT          days of trades on which the publisher's terminal is killed at any moment
    run.py copier SEED MINUTES      generated scenarios with sources and followers; or SEED COUNT cases
    run.py killed [TEXT...]         days on which a terminal is killed at every step, all or those whose name has a text
    run.py mutants SEED COUNT [FILE...]  changes single tokens of the sources, and counts what notices
    run.py mutants again FILE       the mutants that survived in an earlier run with this output
    run.py mutants written [NAME...]  those that people wrote, in mutants/: all, or these tables and entries
    run.py bench                    measures a publishing call
    run.py copying COUNT            measures copies, from the source's deal to the follower's order
"""

import argparse
import os
import sys
from pathlib import Path

from checker.build import Build
from checker.foreign import check_programs
from checker.server import redis_port
from checker.snippets import check_snippets
from checker.suite import Suite, check_reference, check_sources

PROJECT = Path(__file__).parent.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", PROJECT / "target"))


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("what", choices=["check", "reference", "scenarios", "random", "days", "copier", "killed", "mutants", "bench", "copying"])
    options.add_argument("words", nargs="*")
    options.add_argument("--build", default=TARGET / "mql5", help="folder for compiled files")
    options.add_argument("--prefix", default=TARGET / "wine", help="Wine's folder")
    options.add_argument("--sources", default=PROJECT / "mql5", type=Path, help="the MQL5 folder to check")
    options.add_argument("--header", default=PROJECT / "include/mt5_redis.h", type=Path)
    dll = TARGET / "x86_64-win7-windows-gnu/release/mt5_redis.dll"
    options.add_argument("--library", default=dll, type=Path, help="mt5_redis.dll, as make windows builds it")
    options.add_argument("--redis", type=int, help="port of an empty Redis on this machine; default: start one")
    given = options.parse_args()

    build = Build(Path(given.build).resolve())  # Wine runs in its own folder
    if given.what == "check" and given.words:
        sys.exit(0 if check_programs(build, [Path(word) for word in given.words], given.sources / "Include") else 1)
    with build.lock():
        sources, mistakes = check_sources(build, given.sources, given.header, given.library)
        snippets = ""
        if given.what == "check":
            wrong, count = check_snippets(build)
            mistakes += wrong
            snippets = f", {count} snippets are as expected"
        if not mistakes and given.what == "reference":
            mistakes += check_reference(build, sources)
        if mistakes:
            sys.exit("\n".join(mistakes))
        if given.what in ("check", "reference"):
            print(f"{len(sources)} programs are good{snippets}")
            return
        build.terminal(sources)
    with redis_port(given.redis) as port:
        given.redis = port
        sys.exit(getattr(Suite(build, sources, given), given.what)(given.words))


if __name__ == "__main__":
    main()
