#!/usr/bin/env -S python3 -B
"""Packs mt5-redis-<version>.zip from the DLL that `make windows` built and the files of this checkout.

    scripts/pack.py DLL FOLDER

It unpacks into a terminal's data folder. From the same files it has the same bytes: order and times are fixed.
What was written is read back, and every sum in it checked. Python's standard library is all this needs.
"""

import hashlib
import json
import pathlib
import sys
import zipfile

from third_party import ROOT, licences, output

FOLDERS = {
    "MQL5/Include/Mt5Redis": "mql5/Include/Mt5Redis",
    "MQL5/Experts/Mt5Redis": "mql5/Experts/Mt5Redis",
    "MQL5/Scripts/Mt5Redis": "mql5/Scripts/Mt5Redis",
    "deploy": "deploy",
    "docs": "docs",
}
FILES = ["include/mt5_redis.h", "README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"]
SUMS = "SHA256SUMS"


def contents(dll):
    """Name in the zip and bytes of each file."""
    files = {"MQL5/Libraries/mt5_redis.dll": dll.read_bytes(), "THIRD-PARTY-LICENSES.txt": licences().encode()}
    for name in FILES:
        files[name] = (ROOT / name).read_bytes()
    for name, source in FOLDERS.items():
        found = [path for path in (ROOT / source).rglob("*") if path.is_file() and not path.name.startswith(".")]
        if not found:
            raise SystemExit(f"{source} is empty: nothing to pack as {name}")
        for path in found:
            files[f"{name}/{path.relative_to(ROOT / source).as_posix()}"] = path.read_bytes()
    return files


def sums(files):
    return "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items())).encode()


def write(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, also where this runs on another: the mode below is Unix'.
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)


def check(path):
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    if sums({name: data for name, data in files.items() if name != SUMS}) != files[SUMS]:
        raise SystemExit(f"{path} does not hold what its {SUMS} says")


def main():
    dll, folder = map(pathlib.Path, sys.argv[1:])
    metadata = json.loads(output("cargo", "metadata", "--locked", "--no-deps", "--format-version", "1"))
    version = next(p["version"] for p in metadata["packages"] if p["name"] == "mt5-redis")
    files = contents(dll)
    files[SUMS] = sums(files)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"mt5-redis-{version}.zip"
    write(path, files)
    check(path)
    sum_line = f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
    path.with_name(path.name + ".sha256").write_text(sum_line)
    print(f"{path}: {len(files)} files, {path.stat().st_size} bytes\n{sum_line}", end="")


main()
