"""Which placeholder stands for which value in one session.

Placeholders count values in order of first appearance and never depend on the values
themselves, so two texts that differ in their secrets only are released as the same text.
Knows no disk; ``edge.privacy.vault`` keeps the entries.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from edge.privacy.placeholders import MAX_FORMS, MAX_ORDINAL, Grammar, Placeholder
from runtime.errors import CapacityExhausted
from runtime.sentinel.coreference import TITLES

__all__ = ["Book", "Entry"]

_PERSON: Final = "PERSON"
_COMPACT: Final = frozenset({"PHONE", "IBAN", "CARD", "NATIONAL_ID"})
_NOT_ALNUM: Final = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Entry:
    """One surface form of one value, and what stands for it."""

    placeholder: str
    value: str
    """The exact text that was replaced."""


class Book:
    """The entries of one session, and the rule by which new ones are made.

    Every distinct surface form has a placeholder of its own, so that restoring is exact.
    Forms of one value share the ordinal: a different case or spacing, and for people a part of
    a known full name (or a fuller form of a known part), when only one person fits.
    """

    def __init__(self, grammar: Grammar, entries: Iterable[Entry] = ()) -> None:
        self._grammar = grammar
        self._by_value: dict[tuple[str, str], Placeholder] = {}
        self._by_identity: dict[tuple[str, str], int] = {}
        self._forms: dict[tuple[str, int], int] = {}
        self._last: dict[str, int] = {}
        self._people: dict[str, set[int]] = {}
        self._full_names: set[int] = set()
        self._values: dict[str, str] = {}
        self._fresh: list[Entry] = []
        for entry in entries:
            self._record(Placeholder.parse(entry.placeholder), entry.value)

    @property
    def values(self) -> Mapping[str, str]:
        """Originals by placeholder."""
        return self._values

    def people(self) -> tuple[str, ...]:
        """Every name of a person that has a placeholder."""
        return tuple(value for name, value in self._by_value if name == _PERSON)

    def placeholder_for(self, kind: str, value: str) -> str:
        """Return the placeholder of a value, making one when it is new.

        Raises:
            CapacityExhausted: The session has used up its ordinals for this kind.
        """
        name = self._grammar.name_of(kind)
        known = self._by_value.get((name, value))
        if known is not None:
            return str(known)
        ordinal = self._ordinal_of(name, value)
        form = self._forms.get((name, ordinal), 0) if ordinal else 0
        if not ordinal or form >= MAX_FORMS:
            ordinal, form = self._last.get(name, 0) + 1, 0
        if ordinal > MAX_ORDINAL:
            raise CapacityExhausted(f"a session holds at most {MAX_ORDINAL} values of one kind")
        placeholder = Placeholder(name, ordinal, form)
        self._record(placeholder, value)
        self._fresh.append(Entry(str(placeholder), value))
        return str(placeholder)

    def take_fresh(self) -> tuple[Entry, ...]:
        """Return the entries made since the last call, for whoever keeps them."""
        fresh, self._fresh = tuple(self._fresh), []
        return fresh

    def _ordinal_of(self, name: str, value: str) -> int:
        """Return the ordinal of a value that is known in another form, 0 for a new one."""
        identity = self._by_identity.get((name, _identity(name, value)))
        if identity is not None or name != _PERSON:
            return identity or 0
        words = _identity(name, value).split()
        sharing = set[int]().union(*(self._people.get(word, ()) for word in words))
        if len(words) > 1:
            sharing -= self._full_names  # two full names are two people
        return sharing.pop() if len(sharing) == 1 else 0

    def _record(self, placeholder: Placeholder, value: str) -> None:
        name, ordinal = placeholder.name, placeholder.ordinal
        self._by_value[(name, value)] = placeholder
        self._by_identity.setdefault((name, _identity(name, value)), ordinal)
        self._forms[(name, ordinal)] = max(
            self._forms.get((name, ordinal), 0), placeholder.form + 1
        )
        self._last[name] = max(self._last.get(name, 0), ordinal)
        self._values[str(placeholder)] = value
        if name == _PERSON:
            words = _identity(name, value).split()
            for word in words:
                self._people.setdefault(word, set()).add(ordinal)
            if len(words) > 1:
                self._full_names.add(ordinal)


def _identity(name: str, value: str) -> str:
    """Return what two forms of one value have in common."""
    folded = unicodedata.normalize("NFC", value).casefold()
    plain = _NOT_ALNUM.sub("" if name in _COMPACT else " ", folded).strip() or folded
    if name != _PERSON:
        return plain
    return " ".join(word for word in plain.split() if word not in TITLES) or plain
