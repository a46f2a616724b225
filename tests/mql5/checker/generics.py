"""Templates. Calls determine the types of function templates; class templates are instantiated here, from the tokens of
their declaration, once for each list of types."""

from dataclasses import replace

from .grammar import RECORDS
from .mistakes import Mistake
from .statement_grammar import StatementGrammar
from .tokens import Token


class Generics(StatementGrammar):
    def __init__(self, tokens, types, findings):
        super().__init__(tokens, types, findings)
        self.generic = {}  # name of a template of classes: (names of its types, its tokens)
        self.outside = []  # their methods outside the class: (name of the class, names of the types, tokens)
        self.instances = {}  # name of an instance: (name of its template, tokens of each type)

    def generic_names(self):
        return self.generic

    def template_names(self):
        self.skip()
        self.expect("<", "after template")
        names = []
        while not names or self.token.text == ",":
            self.skip(bool(names))
            self.expect("typename", "before the name of a template's type")
            token = self.take()
            if token.kind != "name" or token.text in self.types:
                raise Mistake(token.place, f"the name of a template's type needs a new name, not {token.text}")
            names.append(token.text)
        self.expect(">", "after the types of a template")
        return names

    def template(self):
        names = self.template_names()
        if self.token.text in RECORDS:
            name = self.ahead(1)
            self.generic[name.text] = (names, self.whole_declaration())
            return
        begin = self.at
        if self.is_method_outside():
            tokens = self.whole_declaration()
            owner = next(token for token, after in zip(tokens, tokens[1:]) if token.text in self.generic)
            self.outside.append((owner.text, names, tokens))
            return
        self.at = begin
        known, self.types = self.types, self.types | set(names)
        before = len(self.program.functions)
        self.function_or_variables()
        self.types = known
        if len(self.program.functions) != before + 1:
            raise Mistake(self.token.place, "only templates of functions and classes are known to this checker")
        self.program.templates.append((names, self.program.functions.pop()))

    def is_method_outside(self):
        at = 0
        while self.ahead(at).text not in ("(", ";", "{") and self.ahead(at).kind != "end":
            if self.ahead(at).text == "::" and any(self.ahead(before).text in self.generic for before in range(at)):
                return True
            at += 1
        return False

    def whole_declaration(self):
        """The tokens up to the end of the class or function that begins here."""
        begin, depth = self.at, 0
        while self.token.kind != "end":
            token = self.take()
            depth += (token.text == "{") - (token.text == "}")
            if token.text == ";" and depth == 0:
                break
            if token.text == "}" and depth == 0 and self.token.text != ";":
                break
        return self.tokens[begin : self.at]

    def made_type(self, token):
        if token.text not in self.generic:
            return token.text
        if self.token.text != "<":
            raise Mistake(token.place, f"{token.text} is a template: write its types, as in {token.text}<int>")
        self.skip()
        written = []
        while not written or self.token.text == ",":
            self.skip(bool(written))
            written.append(self.type_name("a template's type"))
        self.close_types()
        if self.generic[token.text] is None:
            raise Mistake(token.place, f"template {token.text} is not declared before")
        names, _ = self.generic[token.text]
        if len(names) != len(written):
            raise Mistake(token.place, f"{token.text} takes {len(names)} types, not {len(written)}")
        name = "_".join([token.text, *(f"{part.name}{'_pointer' * part.pointer}" for part in written)])
        if name not in self.instances:
            types = {}
            for key, part in zip(names, written):
                types[key] = [Token("name", part.name, token.place)]
                types[key] += [Token("sign", "*", token.place)] * part.pointer
            self.instances[name] = (token.text, types)
            self.types.add(name)
            self.classes.add(name)
            self.parse_again(self.filled(self.generic[token.text][1], token.text, name, types), self.record)
        return name

    def close_types(self):
        if self.token.text == ">>":  # the end of two lists
            self.tokens[self.at] = replace(self.token, text=">")
        else:
            self.expect(">", "after the types of a template")

    def filled(self, tokens, template, name, types):
        found = []
        for token, after in zip(tokens, [*tokens[1:], tokens[-1]]):
            if token.kind == "name" and token.text in types:
                found += [replace(part, place=token.place) for part in types[token.text]]
            elif token.kind == "name" and token.text == template and after.text != "<":
                found.append(replace(token, text=name))
            else:
                found.append(token)
        return found

    def parse_again(self, tokens, parse):
        """Parses other tokens, then continues here."""
        kept = self.tokens, self.at
        self.tokens, self.at = [*tokens, Token("end", "end of template", tokens[-1].place)], 0
        parse()
        self.tokens, self.at = kept

    def finish_generics(self):
        """Instantiates the methods that are defined outside their class template."""
        done = set()
        while set(self.instances) - done:  # a method may use further classes
            for name in sorted(set(self.instances) - done):
                done.add(name)
                template, types = self.instances[name]
                for owner, names, tokens in self.outside:
                    if owner == template:
                        given = dict(zip(names, types.values()))
                        plain = self.without_types(tokens, template)
                        self.parse_again(self.filled(plain, template, name, given), self.function_or_variables)

    def without_types(self, tokens, template):
        """`CList<T>::Add` as `CList::Add`."""
        found, at = [], 0
        while at < len(tokens):
            found.append(tokens[at])
            if tokens[at].text == template and tokens[at + 1].text == "<":
                end = next(place for place in range(at, len(tokens)) if tokens[place].text == ">")
                if tokens[end + 1].text == "::":
                    at = end
            at += 1
        return found
