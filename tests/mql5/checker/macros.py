"""The preprocessor's macros: definition and expansion."""

import re
from dataclasses import dataclass, replace

from .mistakes import Mistake
from .tokens import Token, tokens_of


@dataclass
class Macro:
    """`parameters`: None for a macro without parentheses."""

    body: list
    parameters: list | None = None


class Macros:
    """The macros defined at one moment."""

    def __init__(self, findings, defined=()):
        self.findings = findings
        self.by_name = {name: Macro([]) for name in defined}
        self.counter = 0

    def __contains__(self, name):
        return name in self.by_name

    def undefine(self, name):
        self.by_name.pop(name, None)

    def define(self, text, place):
        name = re.match(r"[A-Za-z_]\w*", text)
        if not name:
            raise Mistake(place, "#define needs a name")
        rest, parameters = text[name.end() :], None
        if rest.startswith("("):
            inside, closed, rest = rest[1:].partition(")")
            parameters = [part.strip() for part in inside.split(",")] if inside.strip() else []
            wrong = [part for part in parameters if not re.fullmatch(r"[A-Za-z_]\w*", part)]
            if not closed or wrong or len(set(parameters)) < len(parameters):
                raise Mistake(place, f"#define {name.group()}: parameters must be distinct names")
        macro = Macro(tokens_of(rest, place, joints=True), parameters)
        if name.group() in self.by_name and macro.body:
            self.findings.doubt(place, f"{name.group()} is defined twice")
        self.by_name[name.group()] = macro

    def expanded(self, tokens, within=()):
        """Expands macros in these tokens. `within`: macros being expanded, which do not expand again."""
        found, at = [], 0
        while at < len(tokens):
            token = tokens[at]
            at += 1
            own = self._own(token) if token.kind == "name" and token.text.startswith("__") else None
            macro = self.by_name.get(token.text) if token.kind == "name" and token.text not in within else None
            if own:
                found.append(own)
            elif not macro or (macro.parameters is not None and (at == len(tokens) or tokens[at].text != "(")):
                found.append(token)
            elif macro.parameters is None:
                body = [replace(part, place=token.place) for part in macro.body]
                found += self.expanded(body, (*within, token.text))
            else:
                arguments, at = self._arguments(token, tokens, at + 1)
                if len(arguments) != len(macro.parameters):
                    wanted = len(macro.parameters)
                    raise Mistake(token.place, f"macro {token.text} takes {wanted} arguments, not {len(arguments)}")
                body = self._filled(macro, dict(zip(macro.parameters, arguments)), token.place, within)
                found += self.expanded(body, (*within, token.text))
        return found

    def _own(self, token):
        """The token for a predefined macro; None for those that depend on the function."""
        place = token.place
        if token.text == "__LINE__":
            return Token("number", str(place.line), place)
        if token.text == "__COUNTER__":
            self.counter += 1
            return Token("number", str(self.counter - 1), place)
        if token.text in ("__FILE__", "__PATH__"):
            return Token("text", f'"{place.path.name}"', place)
        return None

    def _arguments(self, macro, tokens, at):
        """The arguments of a macro call, and where it ends."""
        arguments, depth = [[]], 0
        while at < len(tokens):
            token = tokens[at]
            at += 1
            sign = token.text if token.kind == "sign" else ""
            if sign == ")" and depth == 0:
                return ([] if arguments == [[]] else arguments), at
            if sign == "," and depth == 0:
                arguments.append([])
                continue
            depth += (sign in ("(", "[", "{")) - (sign in (")", "]", "}"))
            arguments[-1].append(token)
        raise Mistake(macro.place, f"')' expected after the arguments of macro {macro.text}")

    def _filled(self, macro, arguments, place, within):
        """A macro's body with its parameters replaced."""
        body, found, at = macro.body, [], 0
        while at < len(body):
            token = body[at]
            at += 1
            after = body[at] if at < len(body) else None
            if token.text == "#" and after and after.text in arguments:
                words = " ".join(part.text for part in arguments[after.text])
                escaped = words.replace("\\", "\\\\").replace('"', '\\"')
                found.append(Token("text", f'"{escaped}"', place))
                at += 1
            elif token.text == "##" and found and after:
                right = arguments.get(after.text, [after]) if after.kind == "name" else [after]
                glued = found.pop().text + (right[0].text if right else "")
                found += [replace(part, place=place) for part in tokens_of(glued, place)] + right[1:]
                at += 1
            elif token.kind == "name" and token.text in arguments:
                plain = after and after.text == "##"
                argument = arguments[token.text]
                found += argument if plain else self.expanded(argument, within)
            else:
                found.append(replace(token, place=place))
        return found
