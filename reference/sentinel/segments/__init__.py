"""Sentences and what they are about: what the sentinel judges whole sentences by.

``learned.txt``, ``code.txt`` and ``ordinary.txt`` are templates: ``{slot}`` as in ``values``,
``{worker}`` and ``{ident}`` from ``lists.txt``, ``[a|b]`` one of these. ``unseen.txt`` holds whole
sentences, written apart, that nothing is trained on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reference.sentinel.clean import clean
from reference.sentinel.frames import part_of
from reference.sentinel.generate import generate
from reference.sentinel.values import ENGLISH, LOCALES, Values

__all__ = ["TOPICS", "Judged", "judged", "unseen"]

TOPICS: Final = (
    *("implicit_identity", "health_topic", "finance_topic", "legal_topic", "location_topic"),
    "source_code",
)
_HERE: Final = Path(__file__).parent
_ONE_OF: Final = re.compile(r"\[([^\[\]]*\|[^\[\]]*)\]")
_SLOT: Final = re.compile(r"\{(\w+)\}")
_IDENTITY: Final = 0.28
_OTHER: Final = 0.28
_CODE: Final = 0.06
_ORDINARY: Final = 0.28
_LOWER: Final = 0.12
_RELEASED: Final = 0.2
_PLACEHOLDERS: Final = {"city": "PLACE", "org": "ORGANIZATION", "date": "DATE", "worker": "JOB"}


@dataclass(frozen=True, slots=True)
class Judged:
    """A sentence, and its topic; none for an ordinary one."""

    text: str
    topic: str = ""


def unseen() -> list[Judged]:
    """Return the sentences that nothing is trained on."""
    return [Judged(text, topic) for topic, text in _lines("unseen.txt")]


def judged(seed: int, *, templates: str = "train") -> Iterator[Judged]:
    """Yield sentences without end.

    Args:
        seed: The same seed gives the same sentences.
        templates: ``train``, or ``held``: one template in eight, never trained on.
    """
    values = Values(seed)
    dice = values.random
    lists = _lists()
    learned = {
        topic: part_of([text for name, text in _lines("learned.txt") if name == topic], templates)
        for topic in TOPICS[:-1]
    }
    code = part_of([text for _, text in _lines("code.txt")], templates)
    ordinary = part_of([text for _, text in _lines("ordinary.txt")], templates)
    named = generate(seed, templates=templates)
    while True:
        form = dice.random()
        topic = ""
        if form < _IDENTITY + _OTHER:
            topic = TOPICS[0] if form < _IDENTITY else dice.choice(TOPICS[1:-1])
            text = _filled(values, lists, dice.choice(learned[topic]))
        elif form < _IDENTITY + _OTHER + _CODE:
            topic = TOPICS[-1]
            text = _filled(values, lists, dice.choice(code)).replace("\\n", "\n")
        elif form < _IDENTITY + _OTHER + _CODE + _ORDINARY:
            text = _filled(values, lists, dice.choice(ordinary))
        else:
            # What names somebody is not what tells of somebody without a name; code is left out.
            text = clean(dice) if dice.random() < 0.5 else next(named).text
            if re.search(r"[{}=;]|\w\(|^\s", text) or "\n" in text:
                continue
        if topic != TOPICS[-1] and dice.random() < _LOWER:
            text = text.lower().rstrip(".")
        yield Judged(text, topic)


def _filled(values: Values, lists: dict[str, list[str]], template: str) -> str:
    dice = values.random
    locale = dice.choice(ENGLISH if dice.random() < 0.6 else LOCALES)
    is_released = dice.random() < _RELEASED

    def value(slot: re.Match[str]) -> str:
        name = slot[1]
        if is_released and name in _PLACEHOLDERS:
            return f"<{_PLACEHOLDERS[name]}_{dice.randint(1, 4)}>"
        known = lists.get(name.lower())
        if known is None:
            return values.draw(name, locale)
        word = dice.choice(known)
        return word.title().replace("_", "") if name[0].isupper() else word

    while (chosen := _ONE_OF.sub(lambda part: dice.choice(part[1].split("|")), template)) != (
        template
    ):
        template = chosen
    return _SLOT.sub(value, template.replace("{{", "\0").replace("}}", "\1")).translate(
        {0: "{", 1: "}"}
    )


def _lines(file: str) -> list[tuple[str, str]]:
    """Return topic and text of each line."""
    text = (_HERE / file).read_text("utf-8")
    parted = [line.partition("\t") for line in text.splitlines() if line and line[0] != "#"]
    return [(topic, rest) for topic, _, rest in parted]


def _lists() -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for line in (_HERE / "lists.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            lists[line.strip("[]")] = words = []
        elif line:
            words.append(line)
    return lists
