"""Builds the tree of an MQL5 program: its declarations. Statements and expressions are in `grammar.py`."""

from .grammar import Grammar
from .tokens import Mistake
from .tree import Enumeration, Function, Program, Record, TypeName, Variable

UNKNOWN = {
    "interface": "interfaces",
    "union": "unions",
    "typedef": "typedef",
    "namespace": "namespaces (and MQL5 has none)",
    "operator": "operators of one's own",
}


class Parser(Grammar):
    """`types`: the names of all types that the reference knows."""

    def __init__(self, tokens, types):
        super().__init__(tokens, set(types))
        for token, after in zip(tokens, tokens[1:]):
            if token.text in ("struct", "class", "enum") and after.kind == "name":
                self.types.add(after.text)
                if token.text == "class":
                    self.classes.add(after.text)
        self.program = Program()

    def parse(self):
        while self.token.kind != "end":
            self.declaration()
        return self.program

    def declaration(self):
        token = self.token
        if token.text in UNKNOWN:
            raise Mistake(token.place, f"this tool knows no {UNKNOWN[token.text]}")
        if token.kind == "import":
            self.imports()
        elif token.text == "template":
            self.template()
        elif token.text == "class" and self.ahead(2).text == ";":
            self.skip(3)  # it is declared further on
        elif token.text in ("struct", "class"):
            self.record()
        elif token.text == "enum":
            self.enumeration()
        elif token.text == "input" and self.ahead(1).text == "group":
            self.skip(2)
            if self.token.kind != "text":
                raise Mistake(self.token.place, "input group wants a text")
            self.skip()
        else:
            self.function_or_variables()

    def template(self):
        self.skip()
        self.expect("<", "after template")
        names = []
        while not names or self.token.text == ",":
            self.skip(bool(names))
            self.expect("typename", "before the name of a template's type")
            token = self.take()
            if token.kind != "name" or token.text in self.types:
                raise Mistake(token.place, f"the name of a template's type is new, not {token.text}")
            names.append(token.text)
        self.expect(">", "after the types of a template")
        if self.token.text in ("class", "struct"):
            raise Mistake(self.token.place, "this tool knows templates of functions only")
        known, self.types = self.types, self.types | set(names)
        before = len(self.program.functions)
        self.function_or_variables()
        self.types = known
        if len(self.program.functions) != before + 1 or self.program.functions[-1].owner:
            raise Mistake(self.token.place, "this tool knows templates of functions outside of classes only")
        self.program.templates.append((names, self.program.functions.pop()))

    def imports(self):
        library = self.take().text
        if not library:
            return
        if not library.endswith(".dll"):
            raise Mistake(self.token.place, f"this tool imports from a .dll only, not from {library!r}")
        while self.token.kind != "import":
            result = self.type_name("a prototype")
            name = self.name("the function's name")
            function = Function(result, name.text, name.place, self.parameters(), library=library)
            self.expect(";", "after an imported prototype")
            self.program.imports.append(function)
            if self.token.kind == "end":
                raise Mistake(self.token.place, "#import is not closed by a second #import")
        if not self.token.text:
            self.skip()

    def record(self):
        kind = self.take().text
        name = self.name(f"the {kind}'s name")
        record = Record(kind, name.text, name.place)
        if self.token.text == ":":
            self.skip()
            if kind == "class":
                self.expect("public", "before the base class: this tool knows public inheritance only")
            record.base = self.name("the base's name").text
            if self.token.text == ",":
                raise Mistake(self.token.place, "MQL5 has no multiple inheritance")
        self.expect("{", f"after {kind} {name.text}")
        access = "private" if kind == "class" else "public"
        while self.token.text != "}":
            if self.token.text in ("public", "private", "protected"):
                access = self.take().text
                self.expect(":", f"after {access}")
            else:
                self.member(record, access)
        self.skip()
        self.expect(";", f"after the body of {kind} {name.text}")
        self.program.records.append(record)

    def member(self, record, access):
        words = self.words("static", "virtual")
        place = self.token.place
        destructor = self.token.text == "~"
        if destructor:
            self.skip()
        if self.token.text == record.name and self.ahead(1).text == "(":
            name = ("~" if destructor else "") + self.take().text
            method = Function(TypeName("void", place), name, place, self.parameters(), owner=record.name)
            method.bases = self.initialisers()
        elif destructor:
            raise Mistake(place, f"the destructor is not called ~{record.name}")
        else:
            type_name = self.type_name("a member")
            name = self.name("the member's name")
            if self.token.text != "(":
                self.fields(record, type_name, name, access, words)
                return
            method = Function(type_name, name.text, name.place, self.parameters(), owner=record.name)
        method.access, method.static, method.virtual = access, "static" in words, "virtual" in words
        for word in self.words("const", "override"):
            setattr(method, word, True)
        self.body_or_end(method)
        record.methods.append(method)

    def fields(self, record, type_name, name, access, words):
        while True:
            self.sizes(type_name)
            if self.token.text == "=":
                raise Mistake(self.token.place, f"MQL5 initialises no member in a {record.kind}: use the constructor")
            static = "static" in words
            record.fields.append(Variable(type_name, name.text, name.place, static=static, access=access))
            if self.token.text != ",":
                break
            self.skip()
            type_name = TypeName(type_name.name, type_name.place, type_name.const)
            self.pointer(type_name)
            name = self.name("the member's name")
        self.expect(";", "after a member")

    def initialisers(self):
        bases = []
        if self.token.text == ":":
            while not bases or self.token.text == ",":
                self.skip()
                name = self.name("a member's or the base's name")
                bases.append((name.text, self.arguments(), name.place))
        return bases

    def body_or_end(self, function):
        if self.token.text == "{":
            block = self.block()
            function.body = block.parts
            function.end = self.tokens[self.at - 1].place
        else:
            self.expect(";", f"or {{ after the head of {function.name}")

    def enumeration(self):
        self.skip()
        name = self.name("the enumeration's name")
        self.expect("{", "after an enumeration's name")
        members = []
        while self.token.text != "}":
            member = self.name("an enumeration's member")
            value = None
            if self.token.text == "=":
                self.skip()
                value = self.expression()
            members.append((member.text, value, member.place))
            if self.token.text != "}":
                self.expect(",", "between the members of an enumeration")
        self.skip()
        self.expect(";", "after an enumeration")
        self.program.enumerations.append(Enumeration(name.text, name.place, members))

    def function_or_variables(self):
        words = self.words("input", "sinput", "static")
        place = self.token.place
        owner = ""
        if self.token.kind == "name" and self.ahead(1).text == "::":
            function = self.constructor_outside()
            self.program.functions.append(function)
            return
        type_name = self.type_name("a declaration")
        name = self.name("a name")
        if self.token.text == "::":
            self.skip()
            owner, name = name.text, self.name("the method's name")
        if self.token.text == "(":
            if words:
                raise Mistake(place, f"a function is not {words[0]}")
            function = Function(type_name, name.text, name.place, self.parameters(), owner=owner)
            function.const = bool(self.words("const"))
            self.body_or_end(function)
            self.program.functions.append(function)
            return
        variables = self.variables_after(type_name, name)
        for variable in variables:
            variable.input = "input" in words or "sinput" in words
            variable.static = "static" in words
        self.program.variables += variables

    def constructor_outside(self):
        owner = self.take().text
        self.skip()
        destructor = self.token.text == "~"
        if destructor:
            self.skip()
        name = self.name("the method's name")
        if name.text != owner:
            raise Mistake(name.place, f"{owner}::{name.text} has no result type")
        void = TypeName("void", name.place)
        function = Function(void, "~" * destructor + name.text, name.place, self.parameters(), owner=owner)
        function.bases = self.initialisers()
        self.body_or_end(function)
        return function

    def parameters(self):
        self.expect("(", "before parameters")
        parameters = []
        if self.token.text == "void" and self.ahead(1).text == ")":
            self.skip()
        while self.token.text != ")":
            type_name = self.type_name("a parameter")
            type_name.reference = bool(self.words("&"))
            name = self.name("the parameter's name")
            self.sizes(type_name)
            parameter = Variable(type_name, name.text, name.place)
            if type_name.sizes and not type_name.reference:
                raise Mistake(name.place, f"array {name.text} is passed by reference only: write &{name.text}[]")
            if self.token.text == "=":
                self.skip()
                parameter.value = self.expression()
            elif parameters and parameters[-1].value:
                raise Mistake(name.place, f"parameter {name.text} needs a default, as the one before has it")
            parameters.append(parameter)
            if self.token.text != ")":
                self.expect(",", "between parameters")
        self.skip()
        return parameters
