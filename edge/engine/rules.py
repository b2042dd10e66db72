"""The rules of one GBNF grammar that describes JSON, and the primitives that all of them share.

Rules are numbered, so that what a caller calls its properties never becomes a rule's name.
"""

from typing import Final

from edge.engine.patterns import literal

__all__ = ["RuleBook"]

_PRIMITIVES: Final = {
    "space": '" "?',
    "plain": r'[^"\\\x7F\x00-\x1F]',
    # No half of a surrogate pair: readers refuse it, and whole ones stand as they are.
    "char": r'plain | "\\" (["\\bfnrt/] | "u" ([0-9a-cefA-CEF] hex | [dD] [0-7]) hex hex)',
    "hex": "[0-9a-fA-F]",
    "string": r'"\"" char* "\"" space',
    "boolean": '("true" | "false") space',
    "null": '"null" space',
    "integer": '"-"? natural space',
    "natural": '"0" | [1-9] [0-9]{0,15}',
    "number": '"-"? natural ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})? space',
    "value": "object | array | string | number | boolean | null",
    "object": '"{" space (string ":" space value ("," space string ":" space value)*)? "}" space',
    "array": '"[" space (value ("," space value)*)? "]" space',
}

_IN_CLASS: Final = {"]": "\\]", "[": "\\x5B", "^": "\\x5E", "-": "\\x2D"}


class RuleBook:
    """Collects rules; those of several schemas can stand in one."""

    def __init__(self) -> None:
        self._rules: dict[str, str] = {}

    def add(self, body: str) -> str:
        """Add a rule and return its name."""
        name = f"r{len(self._rules)}"
        self._rules[name] = body
        return name

    def reserve(self) -> str:
        """Return the name of a rule whose body comes later, so that it may refer to itself."""
        return self.add("")

    def fill(self, name: str, body: str) -> None:
        """Give a reserved rule its body."""
        self._rules[name] = body

    def key_except(self, names: frozenset[str]) -> str:
        """Add a rule for the quoted keys that are none of ``names``; return its name.

        Such keys are written without escapes: an escaped one could spell a name unseen.
        """
        rule = self._rest_except(sorted(names))
        return self.add(f'"\\"" {rule}')

    def grammar(self, root: str) -> str:
        """Return the text of the grammar.

        Args:
            root: Body of the rule that a whole answer follows.
        """
        rules = {"root": root, **self._rules, **_PRIMITIVES}
        return "\n".join(f"{name} ::= {body}" for name, body in rules.items()) + "\n"

    def _rest_except(self, names: list[str]) -> str:
        """Add a rule for what may follow up to the closing quote, for none of ``names`` to come.

        A tree of the names' characters: wherever a key leaves it, anything may follow.
        """
        branches: dict[str, list[str]] = {}
        for name in names:
            if name:
                branches.setdefault(name[0], []).append(name[1:])
        others = "".join(map(_in_class, branches))
        bodies = [f'[^"\\\\\\x7F\\x00-\\x1F{others}] plain* "\\""']
        if "" not in names:
            bodies.append('"\\""')
        for character, rests in branches.items():
            if character >= " " and character not in '"\\\x7f':
                bodies.append(f"{literal(character)} {self._rest_except(rests)}")
        return self.add(" | ".join(bodies))


def _in_class(character: str) -> str:
    """Return a character as it stands in a class of GBNF."""
    if character in '"\\\x7f' or character < " ":
        return ""  # no plain key has it
    return _IN_CLASS.get(character, character)
