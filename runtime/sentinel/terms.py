"""Find many fixed terms in a text at once, by whole words, in linear time.

A trie over tokens (not characters): a term matches where its words follow one another,
whatever their case, Unicode composition and the whitespace between them. Knows nothing of
what the terms mean.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Generic, NamedTuple, TypeVar

__all__ = ["Match", "TermTrie", "Token", "tokens"]

T = TypeVar("T")

_CJK = r"\u3040-\u30ff\u3400-\u9fff"
_MARKS = r"\u0300-\u036f"
_TOKEN: Final = re.compile(
    rf"[{_CJK}]"  # scripts without spaces: every character is a word
    rf"|(?:(?![{_CJK}])[\w{_MARKS}])+"
    r"|[^\w\s]"
)
_IDEOGRAM: Final = re.compile(rf"[{_CJK}]")
_SPACED_TOKEN: Final = re.compile(rf"[\w{_MARKS}]+|[^\w\s]")
"""The same where every script has spaces, three times as fast."""
_PLAIN_TOKEN: Final = re.compile(r"\w+|[^\w\s]")
_UNUSUAL: Final = re.compile(rf"[{_CJK}{_MARKS}]")


class Token(NamedTuple):
    """A word or a punctuation mark of a text."""

    key: str
    """What it is compared by: casefolded, composed."""
    start: int
    end: int


class Match(NamedTuple, Generic[T]):
    """Where a term stands."""

    start: int
    end: int
    value: T
    """What was stored with the term."""


@dataclass(slots=True)
class _Node(Generic[T]):
    following: dict[str, "_Node[T]"] = field(default_factory=dict)
    values: tuple[T, ...] = ()


def tokens(text: str) -> list[Token]:
    """Cut a text into words and punctuation marks."""
    cut = _cutter(text)
    return [
        Token(key, *match.span())
        for match, key in zip(cut.finditer(text), _keys(text, cut), strict=True)
    ]


def _cutter(text: str) -> re.Pattern[str]:
    """Return what finds the words and marks of a text."""
    if text.isascii() or not _UNUSUAL.search(text):
        return _PLAIN_TOKEN
    return _TOKEN if _IDEOGRAM.search(text) else _SPACED_TOKEN


def _keys(text: str, cut: re.Pattern[str]) -> list[str]:
    """Return by what each of the words and marks is compared."""
    if text.isascii():
        return cut.findall(text.lower())
    if unicodedata.is_normalized("NFC", text):  # and so is each of its words
        return [word.casefold() for word in cut.findall(text)]
    return [_key(word) for word in cut.findall(text)]


def _key(word: str) -> str:
    return unicodedata.normalize("NFC", word).casefold()


class TermTrie(Generic[T]):
    """A set of terms, each with a value; build it once, search from any thread."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def __bool__(self) -> bool:
        return bool(self._root.following)

    def add(self, term: str, value: T) -> None:
        """Add a term; one without any word is ignored. A term may have several values."""
        self.add_keys(_keys(term, _cutter(term)), value)

    def add_keys(self, keys: Iterable[str], value: T) -> None:
        """Add a term that is cut already, by the keys of its words."""
        node = self._root
        for key in keys:
            node = node.following.setdefault(key, _Node())
        if node is not self._root and value not in node.values:
            node.values = (*node.values, value)

    def find(self, text: str) -> Iterator[Match[T]]:
        """Yield, for each word of ``text``, the longest term that starts there."""
        following = self._root.following
        cut = _cutter(text)
        keys = _keys(text, cut)
        if following.keys().isdisjoint(keys):
            return
        found = [
            (index, *self._longest(keys, index))
            for index, key in enumerate(keys)
            if key in following
        ]
        found = [one for one in found if one[-1]]
        if not found:
            return
        matches = list(cut.finditer(text))
        for index, size, values in found:
            for value in values:
                yield Match(matches[index].start(), matches[index + size - 1].end(), value)

    def _longest(self, keys: list[str], index: int) -> tuple[int, tuple[T, ...]]:
        """Return of how many words the longest term from ``index`` on is, and its values."""
        node = self._root
        best: tuple[int, tuple[T, ...]] = (0, ())
        for position in range(index, len(keys)):
            found = node.following.get(keys[position])
            if found is None:
                break
            node = found
            if node.values:
                best = (position - index + 1, node.values)
        return best
