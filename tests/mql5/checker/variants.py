"""One program that contains many mutants, so that a mutant costs no compilation.

Each mutated function exists twice; the original calls the mutated one if the terminal was started for that mutant. This
works only for mutants that change nothing but function bodies, and not for constructors.
"""

import re


def changed_bodies(original, mutant):
    """The bodies that differ, by function; None if something else differs."""
    if bare(original.before) != bare(mutant.before) or bare(original.after) != bare(mutant.after):
        return None
    return {
        key: lines for key, (_, lines) in mutant.bodies.items() if bare(lines) != bare(original.bodies[key][1])
    }


def bare(lines):
    return [line for line in lines if not line.startswith("#line")]


def merged(original, variants):
    """The program's C++ with these variants (mutant number: changed bodies)."""
    names = {}  # the variants of each function
    for number, bodies in variants.items():
        for key, lines in bodies.items():
            names.setdefault(key, []).append((number, lines))
    before = []
    for line in original.before:
        before.append(line)
        key = line.rsplit("// ", 1)[-1]
        if key in names and line.endswith(f"; // {key}"):
            plain = line.replace("virtual ", "").rsplit("; // ", 1)[0]
            before += [renamed(plain, key, number) + ";" for number, _ in names[key]]
    text = []
    for key, (head, lines) in original.bodies.items():
        text.append(f"{head} {{")
        for number, _ in names.get(key, []):
            name = key.split(".")[1]
            arguments = ", ".join(re.findall(r"(\w+)(?=,|\))", head.split("(", 1)[1]))
            text.append(f"if(mql::mutant == {number}) return {name}__{number}({arguments});")
        text += [*lines, "}"]
        for number, changed in names.get(key, []):
            text += [f"{renamed(head, key, number)} {{", *changed, "}"]
    return "\n".join([*before, *text, *original.after])


def renamed(head, key, number):
    name = key.split(".")[1]
    return re.sub(rf"\b{name}\(", f"{name}__{number}(", head, count=1)
