"""The wheels: what is in them, and that an installed one publishes, or, without the library, reads."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile

import pytest
from header import PROJECT
from servers import until

import mt5redis
from mt5redis import Fleet

LIBRARY = os.environ["MT5REDIS_LIBRARY"]


def pack(folder, library="", platform=""):
    """Packs a wheel as scripts/wheels.sh does."""
    environment = os.environ | {"MT5REDIS_WHEEL_LIBRARY": str(library), "MT5REDIS_WHEEL_PLATFORM": platform}
    environment["SOURCE_DATE_EPOCH"] = "315532800"
    environment["MT5REDIS_WHEEL_LICENCES"] = str(folder.parent / "third-parties")
    (folder.parent / "third-parties").write_text("MIT")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(
        command, cwd=PROJECT / "python", env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


def run(wheel, tmp_path, program, *arguments):
    """Installs a wheel by itself, and runs a program that sees it and not this folder."""
    installed = tmp_path / "installed"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", installed, wheel]
    subprocess.run(command, check=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MT5REDIS_")}
    environment["PYTHONPATH"] = str(installed)
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


PUBLISHES = """
import sys, mt5redis
assert mt5redis.__file__.startswith(sys.argv[2]), mt5redis.__file__
with mt5redis.Publisher("strategy-1", sys.argv[1], folder="journal") as publisher:
    publisher.buy("EURUSD", 0.1, key="once")
    publisher.flush(20)
"""


def test_the_wheel_for_linux_publishes_without_anything_else(server, tmp_path):
    # Without what only a debugger needs, as in a release.
    library = tmp_path / "libmt5_redis.so"
    subprocess.run(["strip", "-o", library, LIBRARY], check=True)
    wheel = pack(tmp_path / "dist", library, "manylinux_2_34_x86_64")
    assert wheel.name == f"mt5redis-{mt5redis.__version__}-py3-none-manylinux_2_34_x86_64.whl"
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        assert packed.read("mt5redis/libmt5_redis.so") == library.read_bytes()
        assert b"Root-Is-Purelib: false" in packed.read(f"mt5redis-{mt5redis.__version__}.dist-info/WHEEL")
    sources = {str(path.relative_to(PROJECT / "python/src")) for path in (PROJECT / "python/src").rglob("*.py")}
    others = {"mt5redis/py.typed", "mt5redis/LICENSE-MIT", "mt5redis/LICENSE-APACHE", "mt5redis/THIRD-PARTY-LICENSES.txt"}
    assert sources | others <= set(names) and not [name for name in names if "test" in name or "pycache" in name]
    run(wheel, tmp_path, PUBLISHES, server.url, str(tmp_path))
    with Fleet.from_url(server.url) as fleet:
        (signal,) = until(lambda: list(fleet.signals(start="beginning", follow=False)), "the signal")
    assert signal.source == "strategy-1"


READS = """
import sys, mt5redis
print(mt5redis.Fleet.from_url(sys.argv[1]).known())
try:
    mt5redis.Publisher("strategy-1", sys.argv[1])
except mt5redis.LibraryError as error:
    print(error)
"""


def test_the_wheel_without_a_library_reads_everywhere_and_says_what_publishing_needs(server, tmp_path):
    wheel = pack(tmp_path / "dist")
    assert wheel.name == f"mt5redis-{mt5redis.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as packed:
        assert not [name for name in packed.namelist() if name.endswith((".so", ".dll"))]
        metadata = packed.read(f"mt5redis-{mt5redis.__version__}.dist-info/METADATA").decode()
    assert "Requires-Python: >=3.10" in metadata and "Provides-Extra: pandas" in metadata
    read, refused = run(wheel, tmp_path, READS, server.url).splitlines()
    assert read == "{}" and "publishing needs it, reading does not" in refused


@pytest.mark.skipif(os.environ.get("MT5REDIS_WINDOWS") == "no", reason="without the Windows DLL")
def test_the_wheel_for_windows_has_the_dll(tmp_path):
    from conftest import TARGET

    dll = os.environ.get("MT5REDIS_DLL", TARGET / "x86_64-win7-windows-gnu/release/mt5_redis.dll")
    wheel = pack(tmp_path / "dist", dll, "win_amd64")
    assert wheel.name == f"mt5redis-{mt5redis.__version__}-py3-none-win_amd64.whl"
    with zipfile.ZipFile(wheel) as packed:
        assert packed.read("mt5redis/mt5_redis.dll")[:2] == b"MZ"
