"""Real Redis servers on ports of their own, in temporary folders."""

from __future__ import annotations

import socket
import subprocess
import time

import redis

PATIENCE = 20
BUS = 10_000
"""How far a node's port for the Cluster bus is above its own."""
HELD = []


def until(condition, what="it"):
    """Polls until the condition holds."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} does not come"
        time.sleep(0.01)


def hold(port):
    """A socket that holds the port and never listens: tests/support/port.rs says why, and why in this order."""
    held = socket.socket()
    try:
        held.bind(("127.0.0.1", port))
    except OSError:
        held.close()
        raise
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return held


def free_port():
    """A port that is ours until this process ends, and so is the one that a node of a Cluster needs above it."""
    while True:
        first = hold(0)
        port = first.getsockname()[1]
        try:
            HELD.extend((first, hold(port + BUS)))
            return port
        except (OSError, OverflowError):  # somebody has it, or there is none
            first.close()


class Server:
    """A redis-server process."""

    def __init__(self, folder, *arguments, program="redis-server"):
        self.folder, self.arguments, self.program = folder, arguments, program
        folder.mkdir(parents=True, exist_ok=True)
        self.process = None
        self.port = free_port()
        assert self.start(), f"no {program} starts: {self.log.read_text()}"

    def start(self):
        self.log = self.folder / "log"
        command = ["redis-server"]
        if self.program == "redis-sentinel":
            command += [str(self.folder / "sentinel.conf"), "--sentinel"]
        command += ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        if self.program == "redis-server":
            command += ["--save", "", "--appendonly", "no"]
        with self.log.open("w") as log:
            self.process = subprocess.Popen([*command, *self.arguments], stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            text = self.log.read_text()
            if "eady to accept connections" in text or "+monitor master" in text:
                return True
            time.sleep(0.01)
        self.kill()
        return False

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def client(self, **settings):
        return redis.Redis("127.0.0.1", self.port, decode_responses=True, protocol=2, **settings)

    def kill(self):
        self.process.kill()
        self.process.wait()
