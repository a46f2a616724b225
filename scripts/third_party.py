"""The third-party code in mt5_redis.dll and libmt5_redis.so, and its licence texts.

    scripts/third_party.py TARGET            prints the document of a target of Rust
"""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
REGISTRY = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo")) / "registry/src"
WINDOWS = "x86_64-win7-windows-gnu"
# The C runtime's start-up code, which MinGW-w64 links into every program.
MINGW = pathlib.Path("/usr/share/doc/mingw-w64-common/copyright")


def output(*command, **more):
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, **more).stdout


def crates(manifest, package, features, rustc, target):
    """Name, version and licence of each crate from the registry that `package` is linked with."""
    tree = output("cargo", "tree", "--locked", "--manifest-path", str(manifest), "--package", package,
                  "--features", features, "--target", target, "--edges", "normal,no-proc-macro",
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


def licences(target=WINDOWS):
    """The document: a list of names, then each text once."""
    rustc = output("scripts/windows-rustc.sh").strip() if target == WINDOWS else "rustc"
    sysroot = pathlib.Path(output(rustc, "--print", "sysroot").strip())
    linked = crates(ROOT / "Cargo.toml", "mt5-redis", "", rustc, target)
    lines = ["", "Rust standard library: MIT OR Apache-2.0"]
    if target == WINDOWS:
        rust = sysroot / "lib/rustlib/src/rust"
        linked |= crates(rust / "library/Cargo.toml", "std", "backtrace", rustc, target)
        whose = {
            (rust / "COPYRIGHT").read_text(encoding="utf-8").strip(): ["Rust standard library"],
            MINGW.read_text(encoding="utf-8").strip(): ["MinGW-w64 runtime"],
        }
        lines = ["mt5_redis.dll contains, besides mt5-redis:", *lines, "MinGW-w64 runtime: ZPL-2.1"]
    else:
        copyright = sysroot / "share/doc/rust/COPYRIGHT-library.html"
        if not copyright.is_file():
            raise SystemExit(f"{copyright} is missing: use a Rust compiler of rustup, whose standard library comes with its licences")
        whose = {copyright.read_text(encoding="utf-8").strip(): ["Rust standard library and what it contains"]}
        lines = ["libmt5_redis.so contains, besides mt5-redis:", *lines]
    for name, version, licence in sorted(linked):
        version = version.removeprefix("v")
        lines.append(f"{name} {version}: {licence}")
        for path in texts(f"{name}-{version}"):
            whose.setdefault(path.read_text(encoding="utf-8").strip(), []).append(f"{name} {version}")
    for text, names in whose.items():
        lines += ["", "=" * 100, ", ".join(names), "", text]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(licences(*sys.argv[1:]), end="")
