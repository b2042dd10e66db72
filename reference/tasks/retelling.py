"""Tell a question about somebody as one about nobody, with the same answer.

What a good writer of abstracts would send in its place: the same sums, in other words, about bulbs,
a pump or things on shelves. Knows every sentence that the tasks write; learns nothing from answers.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from reference.tasks.contacts import THINGS
from reference.tasks.rota import PLANS, SERVICE
from reference.tasks.stories import DOSAGE, LEDGER, SHELF

__all__ = ["retold"]

_FIELD: Final = re.compile(r"\\{(\w+)\\}")
_GROUPS: Final[Mapping[str, str]] = {
    "a": r"(?P<a>\d+)",
    "b": r"(?P<b>\d+)",
    "start": r"(?P<start>\d+:\d\d)",
    "title": "",
}
_LOOKUP: Final = re.compile(r"\b(?:What is the (\w+) of|Which (\w+) is noted for) (.+)\?$")
_RENAMED: Final[Mapping[str, str]] = {"room": "shelf", "day": "day"}
"""What a detail of a person is called of a thing; the other details are sensitive themselves."""
_EARLIER: Final = ("All is moved {a} minutes earlier.", "The start is moved {a} minutes earlier.")


@dataclass(frozen=True, slots=True)
class _Said:
    """One sentence in other words."""

    at: int
    text: str


def retold(text: str) -> str | None:
    """Return a question that shares the numbers of ``text`` and nobody's data.

    Args:
        text: A question of any task.

    Returns:
        The abstract, or None where the answer itself is somebody's data, or nothing is recognised.
    """
    return _looked_up(text) or _told(text, _sums(), SHELF.ask[0]) or _timed(text)


def _told(text: str, wordings: Mapping[re.Pattern[str], str], ask: str) -> str | None:
    said = sorted(_found(text, wordings), key=lambda one: one.at)
    return " ".join([*(one.text for one in said), ask]) if said else None


def _timed(text: str) -> str | None:
    """Retell a day; what is moved earlier is said as the question does not say it."""
    abstract = _told(text, _days(), SERVICE.asks[0])
    if abstract is None or "All is moved" not in text:
        return abstract
    return re.sub(r"All is moved", "The start is moved", abstract)


def _found(text: str, wordings: Mapping[re.Pattern[str], str]) -> Iterable[_Said]:
    for pattern, wording in wordings.items():
        for found in pattern.finditer(text):
            yield _Said(found.start(), wording.format(**found.groupdict()))


@cache
def _sums() -> Mapping[re.Pattern[str], str]:
    """Every sentence of a word problem, and how the shelf's story says it."""
    shelf = {clause.kind: clause.text for clause in reversed((*SHELF.openings, *SHELF.events))}
    return {
        _pattern(clause.text): shelf[clause.kind]
        for story in (*DOSAGE, *LEDGER)
        for clause in (*story.openings, *story.events)
    }


@cache
def _days() -> Mapping[re.Pattern[str], str]:
    """Every sentence of a day, and how the pump's day says it."""
    by_kind = {delay.kind: delay.text for delay in reversed(SERVICE.delays)}
    openings = {
        _pattern(opening): SERVICE.openings[0] for plan in PLANS for opening in plan.openings
    }
    delays = {_pattern(delay.text): by_kind[delay.kind] for plan in PLANS for delay in plan.delays}
    return openings | delays


def _pattern(template: str) -> re.Pattern[str]:
    """Return what finds a sentence; of whoever it begins with, only what follows is looked at."""
    rest = template.removeprefix("{title}").removeprefix("{name}")
    return re.compile(_FIELD.sub(lambda field: _GROUPS.get(field[1], ".+?"), re.escape(rest)))


def _looked_up(text: str) -> str | None:
    asked = _LOOKUP.search(text)
    if asked is None:
        return None
    detail, whom = asked[1] or asked[2], asked[3]
    values = _entries(text[: asked.start()], detail)
    if detail not in _RENAMED or whom not in values:
        return None
    things = dict(zip(values, THINGS, strict=False))
    called = _RENAMED[detail]
    told = [f"{things[name]}: {called} {value}." for name, value in values.items()]
    return " ".join([*told, f"What is the {called} of {things[whom]}?"])


def _entries(register: str, detail: str) -> dict[str, str]:
    """Return one detail by the name of each entry; names hold no colon."""
    name, *rest = register.split(": ")
    values: dict[str, str] = {}
    for entry in rest:
        details, _, following = entry.rpartition(".")
        found = re.search(rf"\b{detail} (\w+)", details)
        if found:
            values[name] = found[1]
        # The last entry is followed by nothing; the others by the next one's name.
        name = following.strip()
    return values
