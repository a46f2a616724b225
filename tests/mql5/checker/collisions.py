"""Checks that the include files cannot collide with the names of a trader's program.

None of our names may equal or hide a name of that program; MetaEditor warns about local variables that hide global
ones, in whichever file they are. So every global name of ours has one of our prefixes, and every local variable and
parameter ends with an underscore.
"""

from .tree import Variable, walk

OURS = ("CMt5Redis", "SMt5Redis", "Mt5Redis", "MT5REDIS_", "MT5R_", "MT5_REDIS_", "ENUM_MT5REDIS_", "mt5redis_",
        "SFollowedSignal")  # fmt: skip


def mistakes(source, folder):
    """One line for each name in the folder that could collide."""
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
            found.append(f"{place}: the global name {name} has none of our prefixes: a trader's program may use it")
    for function in functions:
        if inside(function.place):
            found += [
                f"{variable.place}: {variable.name} could hide a name of a trader's program: end it with _"
                for variable in walk([function.parameters, function.body])
                if isinstance(variable, Variable) and not variable.name.endswith("_")
            ]
    return found
