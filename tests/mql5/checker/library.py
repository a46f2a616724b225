"""Compares the imports of a program with the C header and the exports of the DLL.

A compiler reads both sides: each prototype must have the type of the header's function, and each struct the header's
size, fields and order.
"""

import re
import subprocess
from functools import cache

from .build import COMPILER
from .types import SIZES

C_TYPES = {"int": "int32_t", "long": "int64_t", "uint": "uint32_t", "ulong": "uint64_t", "double": "double",
           "ushort": "uint16_t", "short": "int16_t", "uchar": "uint8_t", "char": "int8_t", "void": "void"}  # fmt: skip


def in_c(symbols, part):
    const = "const " if part.type.const else ""
    if part.type.name == "string":
        return "const uint16_t *"
    kind = symbols.parameter(part.type)
    one = f"header::{part.type.name}" if kind.kind == "struct" else C_TYPES[part.type.name]
    return f"{const}{one} *" if kind.array or part.type.reference else one


def assertions(source, header):
    """C++ that compiles if both sides agree."""
    lines = ["#include <cstddef>", "#include <cstdint>", "#include <type_traits>", "namespace header {"]
    lines += [f'#include "{header}"', "}"]
    for function in source.tree.imports:
        parameters = ", ".join(in_c(source.symbols, part) for part in function.parameters)
        wanted = f"{C_TYPES[function.result.name]}({parameters})"
        lines.append(
            f"static_assert(std::is_same_v<decltype(header::{function.name}), {wanted}>,"
            f' "{function.place}: {function.name} differs from its declaration in the header");'
        )
    for name, macro in source.macros.items():
        if name.startswith("MT5REDIS_"):
            value = " ".join(token.text for token in macro.body)
            lines += [f"#ifndef {name}", f'#error "{name} is not in the header"', "#else",
                      f'static_assert({name} == {value}, "{name} has another value in the header");', "#endif"]  # fmt: skip
    used = {p.type.name for f in source.tree.imports for p in f.parameters} & set(source.symbols.records)
    for name in sorted(used):
        at = 0
        for kind, field in source.symbols.flat_fields(name):
            size = 4 if kind.kind == "enum" else SIZES[kind.name] * (kind.array or 1)
            both = f"offsetof(header::{name}, {field}) == {at} && sizeof(header::{name}::{field}) == {size}"
            floating = str(kind.name in ("double", "float")).lower()
            same = f"std::is_floating_point_v<decltype(header::{name}::{field})> == {floating}"
            lines.append(f'static_assert({both} && {same}, "{name}.{field} has another offset in the header");')
            at += size
        lines.append(f'static_assert(sizeof(header::{name}) == {at}, "{name} has another size in the header");')
    return "\n".join(lines) + "\n"


def mistakes(source, header, exports=None):
    """One line for each difference."""
    if not source.tree.imports:
        return []
    found = list(judged(assertions(source, header)))
    for function in source.tree.imports:
        if exports is not None and function.name not in exports:
            found.append(f"{function.place}: the library does not export {function.name}")
    return found


@cache
def judged(text):
    """The compiler's errors. Cached, because most programs have the same assertions."""
    command = [COMPILER, "-std=c++20", "-fsyntax-only", "-x", "c++", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    found = [line.replace("static assertion failed: ", "") for line in re.findall(r"error: (.*)", done.stderr)]
    return found or ([done.stderr[:500]] if done.returncode else [])


def exports_of(library):
    """The names in the DLL's export table."""
    command = ["x86_64-w64-mingw32-objdump", "-p", str(library)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    table = done.stdout.split("[Ordinal/Name Pointer] Table", 1)[1]
    names = set()
    for line in table.splitlines()[1:]:
        if not line.strip().startswith("["):
            break
        names.add(line.split()[-1])
    return names
