"""Runs terminal.exe under Wine and answers its questions: at each check, and for each step that concerns Redis."""

import json
import os
import shutil
import subprocess
import threading
from pathlib import Path


END = b"\nthe end of the terminal\n"


class Wine:
    """`prefix`: Wine's folder, shared with the other tests of this checkout."""

    def __init__(self, prefix):
        self.prefix = Path(prefix)
        self.prefix.mkdir(parents=True, exist_ok=True)
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")},
            "WINEPREFIX": str(self.prefix),
            "WINEDEBUG": "-all,err+virtual",
            "WINEDLLOVERRIDES": "mscoree,mshtml,winemenubuilder.exe,winedbg.exe=",
        }
        # Keep Wine's server running: a program that starts while it shuts down fails.
        server = first("/usr/lib/wine/wineserver64", "wineserver")
        subprocess.run(
            [server, "-p30"], env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.program = first("/usr/lib/wine/wine64", "wine64", "wine")

    def play(self, arguments, answers, limit=300, patient=True):
        """Runs terminal.exe; returns its output and exit code. `answers`: a function for each kind of question, which returns
        the differences, or None for "not yet". It ends `limit` seconds after its start or its last scenario; unless
        `patient`, after its start, and after the first failure."""
        for _ in range(5):
            output, code = self._play(arguments, answers, limit, patient)
            # Debian's Wine lacks its preloader: once in some thousand starts an address is taken.
            if "failed to map the shared user data" not in output:
                return output, code
        return output, code

    def _play(self, arguments, answers, limit, patient):
        # Wine's background processes keep the pipe open, so mark the end ourselves.
        reading, writing = os.pipe()
        # In Wine's folder, as a mutant may pass the library a wild path.
        process = subprocess.Popen(
            [self.program, *arguments], cwd=self.prefix, env=self.environment, stdin=subprocess.PIPE, stdout=writing,
            stderr=writing,
        )  # fmt: skip
        killer = None
        last = "no question"

        def give_time():
            nonlocal killer
            if killer:
                killer.cancel()
            killer = threading.Timer(limit, process.kill)
            killer.start()

        give_time()
        threading.Thread(target=lambda: (process.wait(), os.write(writing, END)), daemon=True).start()
        lines = []
        try:
            with os.fdopen(reading, "rb") as output:
                for line in iter(output.readline, END[1:]):
                    line = line.decode(errors="replace").rstrip()
                    word, _, question = line.partition(" ")
                    if word not in answers:
                        lines.append(line)
                        if patient and word == "played" and killer.is_alive():
                            give_time()
                        if not patient and line.startswith("FAILED"):
                            process.kill()
                        continue
                    last = f"{line[:300]}, which is not answered"
                    differences = answers[word](json.loads(question))
                    last = line[:300]
                    lines += [f"DIFFERS {difference}" for difference in differences or []]
                    try:
                        process.stdin.write(b"good\n" if differences == [] else b"differs\n")
                        process.stdin.flush()
                    except BrokenPipeError:
                        pass
        except BaseException:
            # Otherwise the program would wait for an answer, and we for its end.
            process.kill()
            killer.cancel()
            raise
        os.close(writing)
        if not killer.is_alive():
            lines.append(f"FAILED: the terminal did not end a scenario within {limit} s; it last asked: {last}")
        killer.cancel()
        code = process.wait()
        if code and not any(line.startswith("FAILED") for line in lines):
            lines.append(f"FAILED: the terminal ended with code {code}")
        return "\n".join(line for line in lines if line) + "\n", code


def first(*programs):
    for program in programs:
        if shutil.which(program):
            return program
    raise SystemExit(f"{programs[-1]} is missing: make test installs it where it can")


def windows_path(path):
    return "Z:" + str(Path(path).resolve()).replace("/", "\\")
