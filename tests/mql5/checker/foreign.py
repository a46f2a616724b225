"""Checks somebody else's program and prints mistakes and warnings."""

from pathlib import Path


def folders_of(path, ours):
    """Where <file> is searched for: the folder Include of the terminal around the program, then this project's."""
    found = [parent / "Include" for parent in path.resolve().parents if (parent / "Include").is_dir()]
    return [*found[:1], ours]


def check_programs(build, paths, ours):
    """Prints the findings; returns whether all programs are accepted."""
    good = True
    for path in map(Path, paths):
        if not path.is_file():
            print(f"{path}: no such file")
            good = False
            continue
        source = build.foreign(path, folders_of(path, ours))
        for warning in source.warnings:
            print(f"{warning} (warning)")
        for mistake in source.mistakes:
            print(mistake)
        verdict = f"refused: {len(source.mistakes)} mistakes" if source.mistakes else "accepted"
        print(f"{path.name} is {verdict}, {len(source.warnings)} warnings")
        good = good and not source.mistakes
    return good
