"""A Redis of our own."""

import socket
import subprocess
import tempfile
from contextlib import contextmanager


@contextmanager
def redis_port(given):
    """The given port of a Redis, or that of our own, which runs until the end."""
    if given:
        yield given
        return
    with socket.socket() as held, tempfile.TemporaryDirectory() as folder:
        # Held until the end, so that nobody else is given it. redis-server may listen there nevertheless.
        held.bind(("127.0.0.1", 0))
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        port = held.getsockname()[1]
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            next(line for line in server.stdout if "eady to accept connections" in line)
            yield port
        finally:
            server.kill()
            server.wait()
