"""The third-party code in mt5_redis.dll, and its licence texts."""

import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
REGISTRY = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo")) / "registry/src"
# The C runtime's start-up code, which MinGW-w64 links into every program.
MINGW = pathlib.Path("/usr/share/doc/mingw-w64-common/copyright")


def output(*command, **more):
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, **more).stdout


def crates(manifest, package, features, rustc):
    """Name, version and licence of each crate from the registry that `package` is linked with."""
    tree = output("cargo", "tree", "--locked", "--manifest-path", str(manifest), "--package", package,
                  "--features", features, "--target", "x86_64-win7-windows-gnu", "--edges", "normal,no-proc-macro",
                  "--prefix", "none", "--no-dedupe", "--format", "{p}|{l}",
                  env={**os.environ, "RUSTC": rustc, "RUSTC_BOOTSTRAP": "1"})
    linked = [line.split("|") for line in tree.splitlines()]
    # A line with a path is a workspace member: mt5-redis itself, or a part of the standard library.
    return {(*name.split(), licence) for name, licence in linked if "(" not in name}


def texts(crate):
    """A crate's licence texts; MIT if it is among the choices."""
    names = ("LICENSE", "LICENCE", "COPYING", "UNLICENSE", "NOTICE")
    found = [path for path in REGISTRY.glob(f"*/{crate}/*") if path.name.upper().startswith(names)]
    if not found:
        raise SystemExit(f"{REGISTRY}/*/{crate} has no licence text: find it and teach scripts/third_party.py")
    return sorted(path for path in found if "MIT" in path.name.upper()) or sorted(found)


def licences():
    """The document: a list of names, then each text once."""
    rustc = output("scripts/windows-rustc.sh").strip()
    rust = pathlib.Path(output(rustc, "--print", "sysroot").strip()) / "lib/rustlib/src/rust"
    linked = crates(ROOT / "Cargo.toml", "mt5-redis", "", rustc)
    linked |= crates(rust / "library/Cargo.toml", "std", "backtrace", rustc)

    whose = {
        (rust / "COPYRIGHT").read_text(encoding="utf-8").strip(): ["Rust standard library"],
        MINGW.read_text(encoding="utf-8").strip(): ["MinGW-w64 runtime"],
    }
    lines = ["mt5_redis.dll contains, besides mt5-redis:", "", "Rust standard library: MIT OR Apache-2.0",
             "MinGW-w64 runtime: ZPL-2.1"]
    for name, version, licence in sorted(linked):
        version = version.removeprefix("v")
        lines.append(f"{name} {version}: {licence}")
        for path in texts(f"{name}-{version}"):
            whose.setdefault(path.read_text(encoding="utf-8").strip(), []).append(f"{name} {version}")
    for text, names in whose.items():
        lines += ["", "=" * 100, ", ".join(names), "", text]
    return "\n".join(lines) + "\n"
