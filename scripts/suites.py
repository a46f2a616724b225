#!/usr/bin/env python3
"""Builds the test suites of the workspace, and runs three at a time: most of them wait for servers most of the time.

Each suite prints when it has ended. All are built at once and then started by themselves: for a single suite, whose
features differ, cargo would build the library and its dependencies again.
"""
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

AT_ONCE = 3
# They share Wine's folder, so they run one after the other.
WINE = ["mql5", "mutants", "windows", "dist", "remote order"]
# They begin first.
LONG = ["cluster", "chaos", "hostile"]

# What the Python package's tests are; the last runs a follower under Wine.
ORDER = "python/tests/test_remote_order.py"
PYTHON = {"python": ["python/tests", "--ignore", ORDER], "remote order": [ORDER]}
ROOT = Path(__file__).parent.parent

printing = Lock()


def build():
    """The name, the folder and the program of each suite."""
    command = ["cargo", "test", "--workspace", "--no-run", "--message-format=json-render-diagnostics"]
    messages = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    for message in map(json.loads, messages):
        if message.get("executable") and message["profile"]["test"]:
            yield message["target"]["name"], Path(message["manifest_path"]).parent, [message["executable"]]


def run(suites):
    """Runs suites one after the other. Returns the names of those that failed."""
    failed = []
    for name, folder, program in suites:
        ended = subprocess.run(program, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        with printing:
            print(f"     Running {name} ({program[0]})", flush=True)
            sys.stdout.buffer.write(ended.stdout)
            sys.stdout.flush()
        if ended.returncode != 0:
            failed.append(name)
    return failed


suites = list(build())
os.environ["MT5REDIS_LIBRARY"] = str(Path(suites[0][2][0]).with_name("libmt5_redis.so"))
suites += [(name, ROOT, ["scripts/pytest.sh", *tests]) for name, tests in PYTHON.items()]
wine = [suite for suite in suites if suite[0] in WINE]
others = sorted((suite for suite in suites if suite[0] not in WINE), key=lambda suite: suite[0] not in LONG)
with ThreadPoolExecutor(AT_ONCE) as pool:
    failed = sum(pool.map(run, [wine] + [[suite] for suite in others]), [])
if failed:
    sys.exit(f"these suites failed: {', '.join(failed)}")
