"""A whole MQL5 program: read, checked and translated to C++."""

import re
from pathlib import Path

from .mistakes import Doubt, Findings, Mistake
from .parser import Parser
from .preprocessor import Reader
from .reference import Reference
from .statements import Body
from .symbols import Symbols, signature
from .tree import Function, TypeName
from .types import VOID, cpp_name

# The types that a DLL may take: both sides agree on their sizes.
BORDER = {"char", "uchar", "short", "ushort", "int", "uint", "long", "ulong", "float", "double", "string"}


class Source:
    """One .mq5 file. If `mistakes` is empty, `cpp` is its translation. `folders`: where <file> is searched for. `strict`:
    doubts are mistakes, otherwise they are in `warnings`. `trusted`: a folder whose files are not the author's."""

    def __init__(self, path, folders, reference=None, strict=True, trusted=None):
        self.path, self.mistakes, self.cpp, self.symbols, self.tree = Path(path), [], "", None, None
        self.reference = reference or Reference()
        self.findings = Findings(strict, trusted)
        reader = Reader(folders, self.findings)
        self.macros, self.properties = reader.macros.by_name, reader.properties
        try:
            tokens = reader.read(self.path)
            self.tree = Parser(tokens, self.reference.types, self.findings).parse()
            self.symbols = Symbols(self.tree, self.reference, self.findings)
            self.cpp = self._translated()
        except Mistake as mistake:
            self.mistakes.append(str(mistake))

    @property
    def warnings(self):
        return list(dict.fromkeys(self.findings.warnings))

    def _translated(self):
        heads, self.bodies = [], {}  # of each function except constructors: its head and its lines
        rest = []
        heads += [f"struct {cpp_name(record.name)};" for record in self.tree.records if record.kind == "class"]
        for record in self.tree.records:
            self._check_record(record)
        for function in self.tree.imports:
            self._check_import(function)
        imports = self._imports()
        functions = [f for same in self.symbols.functions.values() for f in same if not f.library]
        methods = [method for record in self.tree.records for method in record.methods if not method.pure or method.body]
        for function in functions + methods:
            rest += self._function(function)
        for instance in self.symbols.instances:  # the list grows while the templates call each other
            rest += self._function(instance)
        self._check_bodies(functions + methods)
        for record in self.tree.records:  # templates may have added methods
            heads += self._record(record)
        for name, functions in self.symbols.functions.items():
            if not functions[0].library:
                heads += [f"{self._head(function)}; // {key_of(function)}" for function in functions]
        heads += imports
        if self.mistakes:
            return ""
        name = re.sub(r"\W", "_", self.path.stem)
        using = [f"using api::{struct};" for struct in self.reference.structs]
        self.before = ['#include "program.h"', f"namespace program_{name} {{", *using, *heads, *self._globals(), *rest]
        self.after = [*self._entry(name), "}", ""]
        bodies = [line for head, lines in self.bodies.values() for line in [f"{head} {{", *lines, "}"]]
        return "\n".join([*self.before, *bodies, *self.after])

    def _head(self, function, owner=""):
        parameters = []
        for part in function.parameters:
            kind = self.symbols.parameter(part.type)
            if kind.array:
                parameters.append(f"mql::View<{kind.element.cpp}> {cpp_name(part.name)}")
            else:
                parameters.append(f"{kind.cpp} {'&' if part.type.reference else ''}{cpp_name(part.name)}")
        result = self.symbols.type(function.result).cpp + " "
        if function.name.lstrip("~") == function.owner:
            result = ""
        return f"{result}{owner}{cpp_name(function.name)}({', '.join(parameters)})"

    def _check_record(self, record):
        names = set()
        for field in record.fields:
            if field.name in names:
                raise Mistake(field.place, f"{field.name} is declared twice")
            names.add(field.name)
            kind = self.symbols.type(field.type)
            whole = kind.kind not in ("simple", "pointer") and kind.array != "dynamic"
            if kind == VOID or (whole and kind.name == record.name and not field.static):
                raise Mistake(field.place, f"'{field.name}' cannot be '{kind}'")
            if record.union and not (kind.kind in ("simple", "enum") and kind.name != "string" and kind.array != "dynamic"):
                if kind.kind != "struct" or not self.symbols.is_simple(kind.name):
                    raise Mistake(field.place, f"'{kind}' cannot be in a union")
        for method in record.methods:
            self._check_method(record, method)

    def _record(self, record):
        base = f" : public {cpp_name(record.base)}" if record.base else ""
        lines = ["#pragma pack(push, 1)", f"{'union' if record.union else 'struct'} {cpp_name(record.name)}{base} {{"]
        for field in record.fields:
            if not field.static:
                kind = self.symbols.type(field.type)
                spoiled = "{mql::Spoiled()}" if kind.plain and kind.name != "string" and not record.union else ""
                lines.append(f"{kind.cpp} {cpp_name(field.name)}{spoiled};")
        for method in record.methods:
            destructor = method.name.startswith("~")  # MQL5's are all virtual
            words = "static " if method.static else "virtual " if method.virtual or method.override or destructor else ""
            pure = " = 0" if method.pure and method.body is None else ""
            lines.append(f"{words}{self._head(method)}{pure}; // {key_of(method)}")
        if record.kind == "struct" and not self.symbols.is_simple(record.name):
            fields = [cpp_name(field.name) for field in record.fields if not field.static]
            base = f"mql::zero(({cpp_name(record.base)} &)*this); " * bool(record.base)
            zeros = " ".join(f"mql::zero({name});" for name in fields)
            lines.append(f"void mql_zero() {{ {base}{zeros} }}")
        if record.kind == "class" and not any(method.name.startswith("~") for method in record.methods):
            lines.append(f"virtual ~{cpp_name(record.name)}() = default;")
        return lines + ["};", "#pragma pack(pop)"]

    def _check_method(self, record, method):
        if record.kind == "struct" and method.virtual:
            raise Mistake(method.place, "a struct cannot have virtual methods")
        if method.override:
            found, _ = self.symbols.methods(record.base, method.name)
            if not any(signature(f) == signature(method) and (f.virtual or f.override) for f in found):
                raise Mistake(method.place, f"{method.name} does not override a method")

    def _check_bodies(self, functions):
        """A function that is called needs a body; MetaEditor accepts others without one."""
        for function in functions:
            if function.body is None:
                name = f"method {function.owner}::{function.name}" if function.owner else f"function {function.name}"
                called = any(other is function for other, _ in self.symbols.called)
                self._judge(function.place, f"{name} has no body", called or function.virtual)

    def _judge(self, place, reason, grave):
        try:
            self.findings.tell(place, reason if grave else Doubt(reason))
        except Mistake as mistake:
            self.mistakes.append(str(mistake))

    def _function(self, function):
        if function.body is None:
            return []
        try:
            if not function.owner and function.name in self.reference.handlers:
                self._check_handler(function)
            elif not function.owner and re.match(r"On[A-Z]", function.name):
                self.findings.doubt(function.place, f"{function.name} is not an event handler known to this checker")
            owner = f"{cpp_name(function.owner)}::" if function.owner else ""
            bases = Body(self.symbols, function).base_initialisers() if function.owner else ""
            lines = Body(self.symbols, function).translate()
            head = self._head(function, owner)
            if function.name.lstrip("~") != function.owner:
                self.bodies[key_of(function)] = head, lines
                return []
            return [f"{head}{bases} {{", *lines, "}"]
        except Mistake as mistake:
            self.mistakes.append(str(mistake))
            return []

    def _check_handler(self, function):
        for wanted in self.reference.handlers[function.name]:
            same = signature(wanted) == signature(function) and wanted.result.name == function.result.name
            if same and [part.type.const for part in wanted.parameters] == [part.type.const for part in function.parameters]:
                return
        self.findings.doubt(function.place, f"wrong parameters or result of the event handler {function.name}")

    def _check_import(self, function):
        """Stricter than MQL5: only types that mean the same on both sides."""
        doubt = self.findings.doubt
        for part in function.parameters:
            kind = self.symbols.parameter(part.type)
            what = f"{part.name} of the imported {function.name}"
            if kind.kind == "struct" and kind.array is None and part.type.reference:
                if not self.symbols.is_simple(kind.name):
                    raise Mistake(part.place, f"{what}: a struct with strings or arrays cannot be passed to a DLL")
            elif kind.kind in ("class", "pointer") or (kind.name == "string" and kind.array):
                raise Mistake(part.place, f"{what}: '{kind}' cannot be passed to a DLL here")
            elif kind.kind != "simple" or kind.name not in BORDER:
                doubt(part.place, f"{what}: '{kind}' cannot be passed to a DLL here")
            elif part.type.reference and not kind.array:
                doubt(part.place, f"{what}: a simple value by reference to a DLL is not known to this checker")
            if part.value is not None:
                doubt(part.place, f"{what}: an imported function has no defaults")
        result = self.symbols.type(function.result)
        if result.kind in ("class", "struct", "pointer"):
            raise Mistake(function.place, f"{function.name}: a DLL cannot return {result}")
        if result.name not in ("void", "int", "long", "double"):
            doubt(function.place, f"{function.name}: a DLL that returns {result} is not known to this checker")

    def _imports(self):
        lines = [f"static thread_local void *library_functions[{len(self.tree.imports) + 1}];"]
        for at, function in enumerate(self.tree.imports):
            raw, codes = [], []
            for part in function.parameters:
                kind = self.symbols.parameter(part.type)
                name = cpp_name(part.name)
                if kind.array:
                    raw, codes = raw + [f"{kind.element.cpp} *"], codes + [f"{name}.data()"]
                elif kind.name == "string":
                    raw, codes = raw + ["const char16_t *"], codes + [f"{name}.to_library()"]
                elif part.type.reference:
                    raw, codes = raw + [f"{kind.cpp} *"], codes + [f"&{name}"]
                else:
                    raw, codes = raw + [kind.cpp], codes + [name]
            result = self.symbols.type(function.result).cpp
            call = f"(({result} (*)({', '.join(raw)}))library_functions[{at}])({', '.join(codes)})"
            if result != "void":
                last = function.parameters[-1] if function.parameters else None
                whole = last and last.type.name in ("int", "long") and not last.type.sizes
                argument = cpp_name(last.name) if whole else "0"
                call = f'return mql::returned("{function.name}", {call}, {argument})'
            lines.append(f"static {self._head(function)} {{ {call}; }}")
        return lines

    def _globals(self):
        """The program's variables, one set for each thread that runs it. The terminal creates and deletes them, because
        MinGW destroys thread-local objects only after their memory is gone."""
        lines = ["struct Globals {"]
        for variable in self.tree.variables:
            kind, code = self._initial(variable)
            lines.append(f"{kind.cpp} {cpp_name(variable.name)}{f' = {code}' if code else ''};")
        lines += self._static_members() + self.symbols.hoisted
        return lines + ["};", "static thread_local Globals *globals = nullptr;"]

    def _initial(self, variable):
        """The type of a global variable and the C++ of its initialiser."""
        function = Function(TypeName("void", variable.place), "", variable.place, [])
        body = Body(self.symbols, function)
        body.is_global = True
        kind = self.symbols.type(variable.type)
        if variable.input:
            self._check_input(variable, kind)
        if variable.value is None:
            if variable.type.constant:
                raise Mistake(variable.place, f"constant '{variable.name}' has no value")
            return kind, f"{kind.cpp}()" if kind.plain else ""
        return body.first_value(variable, kind)

    def _check_input(self, variable, kind):
        reason = f"input {variable.name} needs a simple type and a value"
        if not kind.plain:
            raise Mistake(variable.place, reason)
        if variable.value is None:
            self.findings.doubt(variable.place, reason)

    def _static_members(self):
        lines = []
        for record in self.tree.records:
            for field in record.fields:
                if field.static:
                    kind, code = self._initial(field)
                    lines.append(f"{kind.cpp} {record.name}__{field.name}{f' = {code}' if code else ''};")
        return lines

    def _handler(self, name):
        """The C++ that the terminal calls for an event; `nullptr` if the program does not handle it."""
        wanted = self.reference.played_handlers[name]
        for function in self.symbols.functions.get(name, []):
            if function.library or signature(function) != signature(wanted):
                continue
            if function.result.name == wanted.result.name:
                return name
            return f"[]() -> int {{ {name}(); return 0; }}" if wanted.result.name == "int" else f"[]() {{ {name}(); }}"
        return "nullptr"

    def _entry(self, name):
        """How the terminal reaches the program."""
        handlers = [self._handler(name) for name in self.reference.played_handlers]
        defined = {name for name, same in self.symbols.functions.items() if not same[0].library}
        if not defined & set(self.reference.handlers) - {"OnDeinit"} and "library" not in self.properties:
            raise Mistake(f"{self.path.name}:1", "the program has no event handler, so it never runs")
        imports = [f'  {{u"{function.library}", "{function.name}"}},' for function in self.tree.imports]
        inputs = [
            f'  mql::set_input("{variable.name}", globals->{cpp_name(variable.name)}, {self._initial(variable)[1]});'
            for variable in self.tree.variables
            if variable.input
        ]
        return [
            "static const mql::Import imports[] = {", *imports, "  {nullptr, nullptr}};",
            "static void set_inputs() {", *inputs, "}",
            # Allocated before it is initialised: an initialiser may use a variable above it.
            "static void create() { globals = (Globals *)::operator new(sizeof(Globals)); new(globals) Globals; }",
            "static void destroy() { delete globals; }",
            f'static const mql::Registration registration({{"{name}", imports, [] {{ return (void **)library_functions; }},',
            "  create, destroy, set_inputs,",
            "  " + ", ".join(handlers) + "});",
        ]  # fmt: skip


def key_of(function):
    """A unique name for a function."""
    parts = [f"{part.type.name}{'*' * part.type.pointer}{'[]' * len(part.type.sizes)}" for part in function.parameters]
    return f"{function.owner}.{function.name}.{'.'.join(parts)}{' const' * function.const}"
