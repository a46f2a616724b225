"""Translates programs, compiles them with the stand-in terminal, and links `terminal.exe`.

Compiled files are cached under the hash of everything that they depend on.
"""

import fcntl
import hashlib
import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from .program import Source
from .reference import Reference

COMPILER = "x86_64-w64-mingw32-g++-posix"
FLAGS = ["-std=c++20", "-O0", "-fwrapv", "-Wall", "-Werror", "-Wno-unused-function", "-Wno-parentheses"]
TERMINAL = Path(__file__).parent.parent / "terminal"
PROGRAMS = Path(__file__).parent.parent / "programs"
# Stand-ins for the headers that come with MetaTrader.
STANDARD = Path(__file__).parent.parent / "standard"


class Build:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.reference = Reference()  # what the stand-in plays
        self.known = Reference(known=True)
        self.headers = {"api.h": self.known.header()}
        for path in sorted(TERMINAL.glob("*.h")):
            self.headers[path.name] = path.read_text()
        with self.lock():
            self.common = self._cached("".join(self.headers.values()), "", self._make_headers)

    @contextmanager
    def lock(self):
        """Excludes builds of other processes."""
        with open(self.folder / "lock", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _cached(self, content, suffix, make):
        """The file or folder for this content, made if it does not exist."""
        name = hashlib.sha256((" ".join(FLAGS) + content).encode()).hexdigest()[:16] + suffix
        path = self.folder / name
        if not path.exists():
            with tempfile.TemporaryDirectory(dir=self.folder) as place:
                make(Path(place) / name)
                os.rename(Path(place) / name, path)
        return path

    def _make_headers(self, folder):
        folder.mkdir()
        for name, text in self.headers.items():
            (folder / name).write_text(text)
        run([COMPILER, *FLAGS, "-Wno-error", "-x", "c++-header", "program.h", "-o", "program.h.gch"], folder)

    def compiled(self, text, name):
        """The object file of this C++."""

        def make(path):
            source = path.with_name(name)
            source.write_text(text)
            run([COMPILER, *FLAGS, "-I", str(self.common), "-c", str(source), "-o", str(path)])

        return self._cached(self.common.name + text, ".o", make)

    def linked(self, objects):
        names = sorted(str(path) for path in objects)
        make = lambda path: run([COMPILER, "-static", "-o", str(path), *names])  # noqa: E731
        return self._cached(" ".join(names), ".exe", make)

    def terminal(self, sources):
        """terminal.exe with these programs, which must have no mistakes."""
        return self.linked(self.objects([(source.cpp, source.path.stem + ".cpp") for source in sources]))

    def objects(self, programs):
        """The object files of the terminal and of these programs (C++ text and name)."""
        parts = [(path.read_text(), path.name) for path in sorted(TERMINAL.glob("*.cpp"))]
        parts.append((self.reference.definitions(), "all_of_the_reference.cpp"))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(lambda part: self.compiled(*part), parts + programs))

    def source(self, path, include_folder):
        """A program of this project. Those of the suite may use MetaTrader's headers."""
        if path.parent == PROGRAMS:
            return Source(path, [include_folder, STANDARD], self.known, trusted=STANDARD)
        return Source(path, [include_folder], self.reference)

    def foreign(self, path, folders, strict=False):
        """Somebody else's program, which may use everything that the checker knows."""
        return Source(path, [*folders, STANDARD], self.known, strict, STANDARD)


class ToolFailed(Exception):
    pass


def run(command, folder=None):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise ToolFailed(f"{' '.join(command[:1] + command[-1:])}:\n{done.stdout}{done.stderr}"[:6000])
    return done.stdout
