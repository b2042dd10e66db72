"""What WordNet 3.0 knows by name: ordinary things, places, peoples; and its plain sentences.

Debian's package ``wordnet-base`` brings its files; see ``wndb(5WN)`` for their format. A reader of
capitals must have seen that a Heat Pump and a Doppler Effect are nobody, more of them than anybody
writes down by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["WordNet"]

_NOUNS: Final = "data.noun"
_ALL: Final = (_NOUNS, "data.verb", "data.adj", "data.adv")
_THING_FILES: Final = frozenset(
    {"04", "05", "06", "07", "08", "09", "10", "11", "13", "16", "17", "19", "20", "21", "22", "23"}
    | {"24", "25", "27", "28"}
)
"""Lexicographer files whose nouns are things: not persons, groups, places, feelings or states."""
_PLACE_FILE: Final = "15"
_PERSON_FILE: Final = "18"
_IS_A: Final = ("@", "@i")
_INSTANCE: Final = "@i"
_TELLING: Final = frozenset(
    {"drug", "medicine", "medication", "therapy", "medical_procedure", "surgery", "disease"}
    | {"symptom", "disorder", "injury", "pathological_state", "poison", "church", "religion"}
    | {"microorganism", "examination", "company", "street", "address", "name", "title"}
)
"""Nouns whose kinds are left out, as they tell of health, belief or somebody."""
_WORD: Final = re.compile(r"[a-z][a-z' -]{2,38}[a-z]")
_EPONYM: Final = re.compile(r"[A-Z][a-z']+(?: [a-z]{3,}){1,3}")
"""Of somebody, in a noun that is not: a Doppler effect."""
_PLACE: Final = re.compile(r"[A-Z][\w'.-]+(?: [\w'.-]+){0,3}")
_PEOPLE: Final = re.compile(
    r"(?:an? (?:native|inhabitant|resident|member)|the people|natives) (?:or \w+ )?of\b"
)
_QUOTED: Final = re.compile(r'"([^"]{15,160})"')
_CAPITAL: Final = re.compile(r"[A-Z]")
_OPENING: Final = re.compile(
    r"(?:The|A|An|He|She|It|They|We|I|You|This|That|These|Those|His|Her|My|Our|Their|Your|There|If"
    r"|When|In|On|At|What|How|Why|Do|No|All|Many|Some|Most)\b"
)
"""Capitals with which a sentence begins and nobody's name does."""


@dataclass(frozen=True, slots=True)
class _Synset:
    words: tuple[str, ...]
    file: str
    parents: tuple[str, ...]
    is_instance: bool
    gloss: str


class WordNet:
    """Its nouns, read once.

    Args:
        folder: Where ``data.noun`` and its like lie.

    Raises:
        FileNotFoundError: They do not lie there.
    """

    def __init__(self, folder: Path) -> None:
        self._nouns = dict(_synsets(folder / _NOUNS))
        self._others = [item for name in _ALL[1:] for _, item in _synsets(folder / name)]

    def things(self) -> list[str]:
        """Return nouns in small letters, and those with somebody's name who is not meant."""
        found = set()
        for noun in self._nouns.values():
            if noun.file in _THING_FILES and not noun.is_instance and not self._is_telling(noun):
                found |= {word for word in noun.words if _WORD.fullmatch(word)}
                found |= {word for word in noun.words if _EPONYM.fullmatch(word)}
        return sorted(found)

    def places(self) -> list[str]:
        """Return towns, lands, rivers and the like, by their own names."""
        found = set()
        for noun in self._nouns.values():
            if noun.file == _PLACE_FILE and noun.is_instance:
                found |= {word for word in noun.words if _PLACE.fullmatch(word) and len(word) > 3}
        return sorted(found)

    def peoples(self) -> list[str]:
        """Return what the people of a place or of a nation are called."""
        found = set()
        for noun in self._nouns.values():
            if noun.file == _PERSON_FILE and _PEOPLE.search(noun.gloss):
                found |= {word for word in noun.words if word[0].isupper() and word.isalpha()}
        return sorted(found)

    def sentences(self) -> list[str]:
        """Return examples of use without a capital that may be of somebody's name."""
        told = set()
        for item in (*self._nouns.values(), *self._others):
            for text in _QUOTED.findall(item.gloss):
                rest = _OPENING.sub("", text, count=1).replace(" I ", " ")
                if " " in text and not _CAPITAL.search(rest):
                    told.add(text)
        return sorted(told)

    def ordinary(self) -> frozenset[str]:
        """Return all single words in small letters: a name that is one of them misleads."""
        every = (*self._nouns.values(), *self._others)
        return frozenset(word for item in every for word in item.words if word.islower())

    def _is_telling(self, noun: _Synset) -> bool:
        waiting, seen = [noun], set()
        while waiting:
            item = waiting.pop()
            if any(word.replace(" ", "_") in _TELLING for word in item.words):
                return True
            fresh = [at for at in item.parents if at not in seen]
            seen |= set(fresh)
            waiting += [self._nouns[at] for at in fresh]
        return False


def _synsets(path: Path) -> Iterator[tuple[str, _Synset]]:
    for line in path.read_text(encoding="utf-8", errors="ignore").splitlines():
        if line.startswith(" "):
            continue  # the licence
        data, _, gloss = line.partition(" | ")
        fields = data.split()
        count = int(fields[3], 16)
        words = tuple(
            re.sub(r"\(\w+\)$", "", word).replace("_", " ")
            for word in fields[4 : 4 + 2 * count : 2]
        )
        at = 4 + 2 * count
        pointers = fields[at + 1 : at + 1 + 4 * int(fields[at])]
        parents = [
            (pointers[one], pointers[one + 1])
            for one in range(0, len(pointers), 4)
            if pointers[one] in _IS_A and pointers[one + 2] == "n"
        ]
        yield (
            fields[0],
            _Synset(
                words,
                fields[1],
                tuple(to for _, to in parents),
                any(kind == _INSTANCE for kind, _ in parents),
                gloss,
            ),
        )
