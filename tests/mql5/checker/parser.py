"""The grammar of declarations, and the parser of a whole program."""

from .generics import Generics
from .grammar import KEYWORDS, RECORDS
from .mistakes import Mistake
from .tree import Enumeration, Function, Program, Record, TypeName, Variable

UNKNOWN = {"typedef": "typedef is", "namespace": "namespaces are"}
# Operators that a class or struct may overload.
OPERATORS = {
    "+", "-", "*", "/", "%", "=", "+=", "-=", "*=", "/=", "%=", "==", "!=", "<", ">", "<=", ">=", "[", "(", "!", "~", "++",
    "--", "&", "|", "^", "<<", ">>", "&=", "|=", "^=", "<<=", ">>=", "&&", "||",
}  # fmt: skip


class Parser(Generics):
    """`types`: the names of all types of the reference."""

    def __init__(self, tokens, types, findings):
        super().__init__(tokens, types, findings)
        self.program = Program()
        for at, (token, after) in enumerate(zip(tokens, tokens[1:])):
            if token.kind == "name" and token.text in (*RECORDS, "enum") and after.kind == "name":
                self.types.add(after.text)
                if token.text != "enum":
                    self.classes.add(after.text)
                if tokens[at - 1].text == ">":
                    self.generic[after.text] = None

    def parse(self):
        while self.token.kind != "end":
            self.declaration()
        self.finish_generics()
        return self.program

    def declaration(self):
        token = self.token
        if token.kind == "name" and token.text in UNKNOWN:
            raise Mistake(token.place, f"{UNKNOWN[token.text]} not known to this checker")
        if token.kind == "import":
            self.imports()
        elif token.text == "template":
            self.template()
        elif token.text in RECORDS and self.ahead(2).text == ";":
            self.skip(3)  # a forward declaration
        elif token.text in RECORDS:
            self.program.variables += self.record()
        elif token.text == "enum":
            self.enumeration()
        elif token.text in ("input", "sinput") and self.ahead(1).text == "group":
            self.skip(2)
            if self.token.kind != "text":
                raise Mistake(self.token.place, "input group needs a text")
            self.skip()
            if self.token.text == ";":
                self.skip()
        elif token.text == ";" and token.kind == "sign":
            self.findings.doubt(token.place, "unexpected ;")
            self.skip()
        else:
            self.function_or_variables()

    def imports(self):
        library = self.take().text
        if not library:
            return
        if not library.lower().endswith(".dll"):
            self.findings.doubt(self.token.place, f"imports from {library!r}, which is not a .dll, are not known to this checker")
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

    # --- structs and classes ---

    def record(self):
        """Parses a struct or class; returns the variables declared directly after it."""
        kind = self.take().text
        name = self.name(f"the {kind}'s name")
        usual = {"interface": "class", "union": "struct"}.get(kind, kind)
        record = Record(usual, name.text, name.place, union=kind == "union")
        self.words("final")
        if self.token.text == ":":
            self.skip()
            given = self.words("public", "private", "protected")
            if kind == "class" and not given:
                self.expect("public", "before the base class")
            if given and given[0] != "public":
                raise Mistake(self.token.place, f"{given[0]} inheritance is not known to this checker")
            token = self.name("the base's name")
            record.base = self.made_type(token)
            if self.token.text == ",":
                raise Mistake(self.token.place, "a class can have only one base")
        self.expect("{", f"after {kind} {name.text}")
        access = "private" if kind == "class" else "public"
        while self.token.text != "}" or self.token.kind != "sign":
            if self.token.text in ("public", "private", "protected"):
                access = self.take().text
                self.expect(":", f"after {access}")
            else:
                self.member(record, access, kind)
        self.skip()
        self.program.records.append(record)
        if self.token.kind == "name" and self.token.text not in KEYWORDS | self.types:
            return self.variables_after(TypeName(record.name, record.place), self.name("a variable's name"))
        self.expect(";", f"after the body of {kind} {name.text}")
        return []

    def member(self, record, access, kind):
        if self.token.text == "enum":
            self.enumeration()
            return
        if self.token.text in RECORDS:
            if self.ahead(2).text == ";":
                self.skip(3)
            else:
                record.fields += self.record()
            return
        if self.token.text == "template":
            names = self.template_names()
            known, self.types = self.types, self.types | set(names)
            self.member(record, access, kind)
            self.types = known
            record.templates.append((names, record.methods.pop()))
            return
        if self.token.text == ";":
            self.findings.doubt(self.token.place, "unexpected ;")
            self.skip()
            return
        words = self.words("static", "virtual", "explicit", "inline")
        place = self.token.place
        destructor = self.token.text == "~"
        if destructor:
            self.skip()
        if self.token.text == "void" and self.ahead(1).text in ("~", record.name):
            self.skip()
            destructor = self.token.text == "~"
            self.skip(destructor)
        if self.token.text == record.name and self.ahead(1).text == "::":
            self.findings.doubt(place, f"{record.name}:: is redundant inside {record.name}")
            self.skip(2)
        if self.token.text == record.name and self.ahead(1).text == "(":
            name = ("~" if destructor else "") + self.take().text
            method = Function(TypeName("void", place), name, place, self.parameters(), owner=record.name)
            method.bases = self.initialisers()
        elif destructor:
            raise Mistake(place, f"the destructor must be called ~{record.name}")
        else:
            type_name = self.type_name("a member")
            words += self.words("static")
            name = self.operator() or self.name("the member's name")
            if self.token.text != "(":
                self.fields(record, type_name, name, access, words)
                return
            method = Function(type_name, name.text, name.place, self.parameters(), owner=record.name)
        method.access, method.static, method.virtual = access, "static" in words, "virtual" in words or kind == "interface"
        method.pure = kind == "interface"
        for word in self.words("const", "override", "final"):
            setattr(method, word, True)
        self.method_end(method)
        record.methods.append(method)

    def method_end(self, method):
        if self.token.text == "=" and self.ahead(1).text in ("0", "NULL"):
            if not method.virtual:
                raise Mistake(self.token.place, f"{method.name} is not virtual, so it needs a body")
            self.skip(2)
            method.pure = True
        self.body_or_end(method)

    def operator(self):
        """The name of an operator method as one token; None for another member."""
        if self.token.text != "operator":
            return None
        token = self.take()
        sign = self.take()
        if sign.kind != "sign" or sign.text not in OPERATORS:
            raise Mistake(sign.place, f"an operator expected, not {sign.text}")
        closing = {"[": "]", "(": ")"}.get(sign.text, "")
        if closing:
            self.expect(closing, f"after operator {sign.text}")
        return type(token)("name", f"operator{sign.text}{closing}", token.place)

    def fields(self, record, type_name, name, access, words):
        while True:
            self.sizes(type_name)
            if self.token.text == "=":
                raise Mistake(self.token.place, f"a member is initialised in the {record.kind}'s constructor")
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
                name_text = self.made_type(name) if name.text in self.types else name.text
                bases.append((name_text, self.arguments(), name.place))
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

    # --- functions and variables ---

    def function_or_variables(self):
        words = self.words("input", "sinput", "static", "extern", "inline", "const")
        place = self.token.place
        owner = ""
        if self.token.kind == "name" and self.ahead(1).text == "::" and (
            self.ahead(2).text in ("~", self.token.text) or self.ahead(2).text not in self.types
        ):
            self.program.functions.append(self.constructor_outside())
            return
        type_name = self.type_name("a declaration")
        type_name.const = type_name.const or "const" in words
        words += self.words("input", "sinput", "static")
        name = self.name("a name")
        if self.token.text == "::" and type_name.name == "void" and self.ahead(1).text in ("~", name.text):
            self.at -= 1
            self.program.functions.append(self.constructor_outside())
            return
        if self.token.text == "::":
            self.skip()
            owner, name = name.text, self.operator() or self.name("the method's name")
        if self.token.text == "(" and not self.at_constructed(type_name):
            if {"input", "sinput", "extern"} & set(words):
                raise Mistake(place, f"a function cannot be {words[0]}")
            function = Function(type_name, name.text, name.place, self.parameters(), owner=owner)
            function.const = "const" in self.words("const", "export")
            self.body_or_end(function)
            self.program.functions.append(function)
            return
        variables = self.variables_after(type_name, name)
        if owner:
            self.program.statics += [(owner, variable) for variable in variables]
            return
        for variable in variables:
            variable.extern = "extern" in words
            variable.input = not {"input", "sinput"}.isdisjoint(words)
            variable.static = "static" in words
        self.program.variables += variables

    def at_constructed(self, type_name):
        """Whether constructor arguments begin here, rather than a function's parameters."""
        after = self.ahead(1)
        if type_name.name not in self.classes or type_name.pointer or after.text in (")", "void", "const"):
            return False
        return not self.at_type(1)

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
            name = self.token
            unnamed = name.text in (",", ")", "=", "[")
            name = f"unnamed_{len(parameters)}" if unnamed else self.name("the parameter's name").text
            place = self.token.place if unnamed else self.tokens[self.at - 1].place
            self.sizes(type_name)
            parameter = Variable(type_name, name, place)
            if type_name.sizes and not type_name.reference:
                raise Mistake(place, f"array {name} must be passed by reference: write &{name}[]")
            if self.token.text == "=":
                self.skip()
                parameter.value = self.expression()
            elif parameters and parameters[-1].value:
                raise Mistake(place, f"parameter {name} needs a default, like the one before")
            parameters.append(parameter)
            if self.token.text != ")":
                self.expect(",", "between parameters")
        self.skip()
        return parameters
