r"""Placeholders: how they are written, and every way in which a model may write them back.

``<PERSON_1>`` is the first person of a session, ``<PERSON_1b>`` another surface form of the
same person. The *tolerant grammar* is what restoration recognises:

* in brackets, ``<`` ``>`` or their HTML and JSON escapes, in any case, with up to two spaces
  at the borders and ``_``, ``-``, a space or ``\_`` in the middle: ``< person 1 >``;
* bare, in capitals, with ``_`` or ``\_``, as a whole word: ``PERSON_1``;
* where a policy asks for surrogates, those of ``runtime.sentinel.surrogate``: ``Quellimar``.

Redaction escapes everything in the input that this same grammar matches, so the two cannot
disagree about what a placeholder is.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from runtime.sentinel.placeholder import LITERAL, SENSITIVE, placeholder_name
from runtime.sentinel.surrogate import (
    BEGINNING,
    MAX_SURROGATE_CHARACTERS,
    WHOLE,
    canonical_surrogate,
)

__all__ = ["MAX_FORMS", "MAX_ORDINAL", "Grammar", "Placeholder"]

MAX_ORDINAL: Final = 99_999
"""Largest ordinal; five digits bound what a placeholder can hide and what a stream holds back."""
MAX_FORMS: Final = 26
"""Surface forms that share an ordinal: the plain one, then ``b`` to ``z``."""

_SUFFIXES: Final = "\0bcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Placeholder:
    """What stands in a released text for one surface form of one value."""

    name: str
    """Kind in capitals: ``PERSON``."""
    ordinal: int
    """Counts values of a kind in order of first appearance, from 1."""
    form: int = 0
    """Counts surface forms of the value, from 0."""

    def __str__(self) -> str:
        suffix = _SUFFIXES[self.form] if self.form else ""
        return f"<{self.name}_{self.ordinal}{suffix}>"

    @staticmethod
    def parse(text: str) -> "Placeholder":
        """Read the canonical form back; only for texts that ``__str__`` wrote."""
        name, _, number = text.strip("<>").rpartition("_")
        suffix = number.lstrip("0123456789")
        ordinal = int(number.removesuffix(suffix)) if suffix else int(number)
        return Placeholder(name, ordinal, _SUFFIXES.index(suffix) if suffix else 0)


_OPEN: Final = ("<", "&lt;", "\\u003c")
_CLOSE: Final = (">", "&gt;", "\\u003e")
_SUFFIX: Final = "[b-z]"


class Grammar:
    """Recognises placeholders of a closed set of kinds, whole or cut off at the end of a text.

    Args:
        kinds: Kinds that spans may have, ``Sentinel.kinds`` in practice.
        has_surrogates: Whether surrogates are placeholders too, or words like any other.
    """

    def __init__(self, kinds: Iterable[str], *, has_surrogates: bool = False) -> None:
        names = {placeholder_name(kind) for kind in kinds} | {LITERAL, SENSITIVE}
        self.names: frozenset[str] = frozenset(names)
        """How placeholders call the kinds."""
        ordered = sorted(names, key=lambda name: (-len(name), name))
        alternatives = "|".join(ordered)
        spaces, separator = "[ ]{0,2}", r"[ ]?(?:\\?_|[ \-])[ ]?"
        self._whole = re.compile(
            rf"(?i:{_either(_OPEN)}{spaces}(?P<name>{alternatives}){separator}"
            rf"(?P<number>[0-9]{{1,5}})(?P<suffix>{_SUFFIX}?){spaces}{_either(_CLOSE)})"
            rf"|(?<![A-Za-z0-9_])(?P<bare_name>{alternatives})\\?_"
            rf"(?P<bare_number>[0-9]{{1,5}})(?P<bare_suffix>{_SUFFIX}?)(?![A-Za-z0-9_])"
            + (f"|{WHOLE}" if has_surrogates else "")
        )
        self._beginning = re.compile(_beginnings(ordered, BEGINNING if has_surrogates else None))
        self.has_surrogates: Final = has_surrogates
        """Whether surrogates are recognised."""
        self.max_characters: Final = max(
            max(map(len, names)) + max(map(len, _OPEN)) + max(map(len, _CLOSE)) + 14,
            MAX_SURROGATE_CHARACTERS if has_surrogates else 0,
        )
        """Longest text that the grammar can match, and so the most that a stream holds back."""

    def name_of(self, kind: str) -> str:
        """Return what placeholders call a kind; unknown kinds share one name."""
        name = placeholder_name(kind)
        return name if name in self.names else SENSITIVE

    def find(self, text: str, start: int = 0) -> re.Match[str] | None:
        """Return the first match of the tolerant grammar at or after ``start``."""
        return self._whole.search(text, start)

    def canonical(self, match: re.Match[str]) -> str:
        """Return the canonical form of what ``find`` matched."""
        if match["name"] is None and match["bare_name"] is None:
            return canonical_surrogate(match[0]) or match[0]
        kind = "" if match["name"] is not None else "bare_"
        name, number, suffix = match.group(f"{kind}name", f"{kind}number", f"{kind}suffix")
        return f"<{name.upper()}_{int(number)}{suffix.lower()}>"

    def undecided_from(self, text: str, start: int) -> int:
        """Return where a placeholder may be going on past the end of ``text``.

        Args:
            text: What has arrived so far.
            start: Nothing before this counts.

        Returns:
            The earliest such place, ``len(text)`` when there is none.
        """
        match = self._beginning.search(text, max(start, len(text) - self.max_characters))
        return match.start() if match else len(text)


def _either(options: Iterable[str]) -> str:
    return "(?:" + "|".join(map(re.escape, options)) + ")"


def _beginnings(names: list[str], surrogates: str | None) -> str:
    """Build the pattern of every beginning of a placeholder that reaches the end of the text.

    A bare placeholder at the very end is one too: a further digit would change it.
    """
    name = "(?:" + "|".join(names) + ")"
    partial_name = _partial_of(names)
    number_tail = f"[0-9]{{1,5}}{_SUFFIX}?"
    close = f"(?:[ ]{{0,2}}{_partial_of(_CLOSE)}?)"
    in_brackets = (
        f"{_either(_OPEN)}[ ]{{0,2}}"
        f"(?:{partial_name}|{name}[ ]?(?:\\\\|(?:\\\\?_|[ \\-])[ ]?(?:{number_tail}{close})?)?)?"
    )
    bare = f"(?<![A-Za-z0-9_])(?:{partial_name}|{name}(?:\\\\|\\\\?_(?:{number_tail})?)?)"
    others = f"|{surrogates}" if surrogates else ""
    return rf"(?:(?i:{_partial_of(_OPEN)}|{in_brackets})|{bare}{others})\Z"


def _partial_of(words: Iterable[str]) -> str:
    """Match every proper, non-empty beginning of any of ``words``."""
    beginnings = {word[:size] for word in words for size in range(1, len(word))}
    return (
        _either(sorted(beginnings, key=lambda part: (-len(part), part))) if beginnings else "(?!)"
    )
