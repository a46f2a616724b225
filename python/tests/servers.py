"""Real Redis servers on free ports, in temporary folders."""

from __future__ import annotations

import socket
import subprocess
import time

import redis

PATIENCE = 20


def until(condition, what="it"):
    """Polls until the condition holds."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} does not come"
        time.sleep(0.01)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Server:
    """A redis-server process."""

    def __init__(self, folder, *arguments, port=None, program="redis-server"):
        self.folder, self.arguments, self.program = folder, arguments, program
        folder.mkdir(parents=True, exist_ok=True)
        self.process = None
        for _ in range(5):  # somebody may take the free port
            self.port = port or free_port()
            if self.start():
                return
        raise AssertionError(f"no redis-server starts: {self.log.read_text()}")

    def start(self):
        self.log = self.folder / "log"
        command = [self.program]
        if self.program == "redis-sentinel":
            command.append(str(self.folder / "sentinel.conf"))
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
