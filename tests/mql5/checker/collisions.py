"""The names that the include files bring into a trader's program.

Whatever that program calls its own variables and functions, nothing of ours may have the same name, and nothing of
ours may hide it: MetaEditor warns of a local variable that hides a global one, in whichever file it stands. So every
global name begins with one of ours, and every local name and parameter ends with an underscore.
"""

from dataclasses import fields, is_dataclass

from .mistakes import Place
from .tree import Variable

OURS = ("CMt5Redis", "SMt5Redis", "Mt5Redis", "MT5REDIS_", "MT5R_", "MT5_REDIS_", "ENUM_MT5REDIS_", "mt5redis_",
        "SFollowedSignal")  # fmt: skip


def mistakes(source, folder):
    """One line for each name below the folder that a trader's program could collide with."""
    tree, found = source.tree, []
    inside = lambda place: folder.resolve() in place.path.resolve().parents  # noqa: E731
    functions = [*tree.functions, *(method for record in tree.records for method in record.methods)]
    names = [(record.name, record.place) for record in tree.records]
    names += [(function.name, function.place) for function in tree.functions if not function.owner]
    names += [(function.name, function.place) for function in tree.imports]
    names += [(variable.name, variable.place) for variable in tree.variables]
    for enumeration in tree.enumerations:
        names += [(enumeration.name, enumeration.place), *((name, place) for name, _, place in enumeration.members)]
    names += [(name, macro.body[0].place) for name, macro in source.macros.items() if macro.body]
    for name, place in names:
        if inside(place) and not name.startswith(OURS):
            found.append(f"{place}: {name} is a global name of the include that a trader's program may have too")
    for function in functions:
        if inside(function.place):
            found += [
                f"{variable.place}: {variable.name} could hide a name of a trader's program: let it end with _"
                for variable in variables([function.parameters, function.body])
                if not variable.name.endswith("_")
            ]
    return found


def variables(part):
    """All variables that are declared somewhere in a tree."""
    found = [part] if isinstance(part, Variable) else []
    for inner in part if isinstance(part, (list, tuple)) else []:
        found += variables(inner)
    if is_dataclass(part) and not isinstance(part, Place):
        for field in fields(part):
            found += variables(getattr(part, field.name))
    return found
