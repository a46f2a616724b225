from __future__ import annotations

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", PROJECT / "target"))
os.environ.setdefault("MT5REDIS_LIBRARY", str(TARGET / "debug/libmt5_redis.so"))

from servers import Server  # noqa: E402
from terminal import Terminal  # noqa: E402

from mt5redis import Fleet  # noqa: E402


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture
def server(shared_server):
    """A server without data."""
    shared_server.client().flushall()
    return shared_server


@pytest.fixture
def own_server(tmp_path):
    """A server of the test's own, which it may kill."""
    server = Server(tmp_path / "redis", "--appendonly", "yes", "--appendfsync", "always")
    yield server
    server.kill()


@pytest.fixture
def fleet(server):
    with Fleet.from_url(server.url) as fleet:
        yield fleet


@pytest.fixture
def terminals(server, tmp_path):
    """Makes terminals of the server, and closes them."""
    made = []

    def terminal(name="1.Demo", config=None):
        one = Terminal(name, config or server.url, tmp_path / "data")
        made.append(one)
        return one

    yield terminal
    for one in made:
        one.close()
