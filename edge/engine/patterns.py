"""From a JSON schema's ``pattern`` to the body of a GBNF string.

Understands the part of regular expressions that grammars can say: literals, classes, groups,
alternatives and counted repetition. What it cannot say exactly it refuses, so that no answer
breaks the pattern it was asked to keep.
"""

import re
from typing import Final

from runtime.errors import RequestInvalid

__all__ = ["literal", "pattern_body"]

_COUNTS: Final = re.compile(r"\{[0-9]{1,4}(,[0-9]{0,4})?\}")
_ANY: Final = r'[^"\\\x7F\x00-\x1F]'
_CLASSES: Final = {"d": "0-9", "w": "A-Za-z0-9_"}
_PUNCTUATION: Final = frozenset(r"^$.|?*+()[]{}/-\"' #&@!%,:;<>=~`")
_GBNF_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_CLASS_ESCAPES: Final = {"\\": "\\\\", "]": "\\]", "[": "\\[", "^": "\\x5E", "-": "\\x2D"}


def literal(text: str) -> str:
    """Return the GBNF literal that stands for exactly ``text``."""
    return '"' + "".join(_GBNF_ESCAPES.get(character, character) for character in text) + '"'


def pattern_body(pattern: str) -> str:
    """Return GBNF for the characters between a JSON string's quotes.

    Where it is not anchored, anything may stand before or behind.

    Raises:
        RequestInvalid: The pattern is not well formed, or says what a grammar cannot.
    """
    is_begun = pattern.startswith("^")
    before = pattern.removesuffix("$")
    escapes = len(before) - len(before.rstrip("\\"))
    is_ended = before != pattern and escapes % 2 == 0
    body = _Parser(pattern[is_begun : len(pattern) - is_ended]).parse()
    if is_begun and is_ended:
        return body
    return f"{'' if is_begun else 'char*'} ({body}) {'' if is_ended else 'char*'}"


class _Parser:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def parse(self) -> str:
        body = self._alternatives()
        if self._at < len(self._pattern):
            raise _unsupported()
        return body

    def _alternatives(self) -> str:
        branches = [self._sequence()]
        while self._peek() == "|":
            self._at += 1
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else f"({' | '.join(branches)})"

    def _sequence(self) -> str:
        parts = []
        while self._peek() not in {"", "|", ")"}:
            parts.append(self._atom() + self._quantifier())
        return " ".join(parts) or '""'

    def _atom(self) -> str:
        character = self._next()
        if character == ".":
            return _ANY
        if character == "(":
            return self._group()
        if character == "[":
            return self._class()
        if character == "\\":
            return self._escape()
        if character in "^$*+?{}]":
            raise _unsupported()
        return self._character(character)

    def _group(self) -> str:
        if self._peek() == "?":
            self._at += 1
            if self._next() != ":":
                raise _unsupported()
        body = self._alternatives()
        if self._next() != ")":
            raise _unsupported()
        return f"({body})"

    def _escape(self) -> str:
        escaped = self._next()
        if escaped in _CLASSES:
            return f"[{_CLASSES[escaped]}]"
        if escaped not in _PUNCTUATION and escaped != "\\":
            raise _unsupported()
        return self._character(escaped)

    def _character(self, character: str) -> str:
        """A character as JSON writes it inside a string."""
        if ord(character) < 0x20:
            raise _unsupported()
        return literal(f"\\{character}" if character in '"\\' else character)

    def _class(self) -> str:
        is_negated = self._peek() == "^"
        self._at += is_negated
        members = ""
        while (character := self._next()) != "]":
            members += self._member(character)
        if not members:
            raise _unsupported()
        return f'[^"\\\\\\x7F\\x00-\\x1F{members}]' if is_negated else f"[{members}]"

    def _member(self, character: str) -> str:
        if character == "\\":
            character = self._next()
            if character in _CLASSES:
                return _CLASSES[character]
            if character not in _PUNCTUATION:
                raise _unsupported()
        elif self._is_range(character):
            last = self._pattern[self._at + 1]
            self._at += 2
            return f"{character}-{last}"
        if character in '"\\' or ord(character) < 0x20:
            raise _unsupported()  # inside a JSON string these take two characters
        return _CLASS_ESCAPES.get(character, character)

    def _is_range(self, first: str) -> bool:
        """Whether ``first`` begins a range between two letters or two digits."""
        rest = self._pattern[self._at : self._at + 2]
        if len(rest) < 2 or rest[0] != "-" or rest[1] == "]":
            return False
        if not (first.isalnum() and rest[1].isalnum() and first <= rest[1]):
            raise _unsupported()
        return True

    def _quantifier(self) -> str:
        character = self._peek()
        if character and character in "*+?":
            self._at += 1
        elif character == "{":
            end = self._pattern.find("}", self._at)
            character = self._pattern[self._at : end + 1]
            self._at = end + 1
            if not _COUNTS.fullmatch(character):
                raise _unsupported()
        else:
            return ""
        if self._peek() in {"?", "+", "*", "{"}:
            raise _unsupported()  # lazy and possessive repetition mean nothing to a grammar
        return character

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _next(self) -> str:
        character = self._peek()
        if not character:
            raise _unsupported()
        self._at += 1
        return character


def _unsupported() -> RequestInvalid:
    return RequestInvalid("json_schema: a pattern is malformed or says what no grammar can")
