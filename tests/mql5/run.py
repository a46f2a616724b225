"""Checks the project's MQL5 sources, and plays scenarios with them. README.md has the whole story.

    run.py check                    the sources under mql5/, and the examples in pass/ and fail/
    run.py reference                the stand-in terminal against reference.tsv
    run.py scenarios [FILE...]      the scenarios, or those named, against the DLL and a Redis
    run.py random SEED COUNT        scenarios made from a seed
    run.py mutants SEED COUNT       changes single tokens of the sources: who notices?
    run.py bench                    the time of a publishing call
"""

import argparse
import sys
from pathlib import Path

from checker.build import Build
from checker.suite import Suite, check_examples, check_reference, check_sources

HERE = Path(__file__).parent
PROJECT = HERE.parent.parent


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("what", choices=["check", "reference", "scenarios", "random", "mutants", "bench"])
    options.add_argument("names", nargs="*")
    options.add_argument("--build", default=PROJECT / "target/mql5", help="folder for what is compiled")
    options.add_argument("--prefix", default=PROJECT / "target/wine", help="Wine's folder")
    options.add_argument("--sources", default=PROJECT / "mql5", help="the MQL5 folder to check")
    options.add_argument("--header", default=PROJECT / "include/mt5_redis.h")
    options.add_argument("--library", help="mt5_redis.dll")
    options.add_argument("--redis", type=int, help="port of an empty Redis on this machine")
    given = options.parse_args()

    build = Build(given.build)
    with build.lock():
        sources, mistakes = check_sources(build, Path(given.sources), given.header, given.library)
        if given.what == "check":
            mistakes += check_examples(build, HERE)
        if given.what == "reference":
            mistakes += check_reference(build, sources)
        if mistakes:
            sys.exit("\n".join(mistakes))
        if given.what in ("check", "reference"):
            print(f"{len(sources)} programs are good")
            return
        if not given.library or not given.redis:
            sys.exit(f"{given.what} wants --library and --redis")
        suite = Suite(build, sources, given)
    sys.exit(getattr(suite, given.what)(given.names))


if __name__ == "__main__":
    main()
