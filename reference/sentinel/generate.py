r"""Texts with marked spans, filled from templates: what the sentinel's model learns from.

``python -m reference.sentinel.generate --texts 20 --seed 1`` shows some. Templates stand in
``templates/``, one a line; a slot is ``{name}`` and a line break ``\n``. ``europe.txt`` has a
language before each; the rest is English. Braces of JSON and code in a template are plain text
where what is between them is no slot.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reference.sentinel.clean import clean
from reference.sentinel.frames import frame, part_of
from reference.sentinel.kinds import KIND_OF_SLOT
from reference.sentinel.noise import Noise
from reference.sentinel.told import told
from reference.sentinel.values import ENGLISH, LOCALES, Values

__all__ = ["Marked", "generate"]

_TEMPLATES: Final = Path(__file__).with_name("templates")
_SLOT: Final = re.compile(r"\{([a-z]+)\}")
_EUROPE: Final = "europe.txt"
_WEIGHTS: Final = {
    "clean_en.txt": 12.0,
    "hard_en.txt": 6.0,
    "business_en.txt": 16.0,
    "life_en.txt": 16.0,
    "tech_en.txt": 9.0,
    "mixed_en.txt": 26.0,
    "plain_en.txt": 18.0,
    _EUROPE: 18.0,
    "form_en.txt": 4.0,
}
_WEIGHT: Final = 8.0
_FRAMED: Final = 0.22
_CLEAN: Final = 0.13
_TOLD: Final = 0.14
"""Of plain sentences about somebody, where they were borrowed."""
_GOES_ON: Final = 0.25
_RELEASED: Final = 0.12
_WIDE: Final = 0.12
_QUOTED: Final = 0.06
_QUOTES: Final = ("> ", "# ", "// ", "* ", "| ", "- ", "?? ", "    ", "-- ", "=20")
_LONG: Final = 0.06
_LONGEST: Final = 700
"""Characters of a long text; what it is read for has more windows than it."""


_Pools = list[tuple[float, list[tuple[str, str]]]]


@dataclass(frozen=True, slots=True)
class Marked:
    """A text and its sensitive stretches: start, end (exclusive), kind."""

    text: str
    spans: tuple[tuple[int, int, str], ...]


def generate(seed: int, *, templates: str = "train") -> Iterator[Marked]:
    """Yield texts without end.

    Args:
        seed: The same seed gives the same texts, under one ``PYTHONHASHSEED``: Faker takes some
            towns from a set.
        templates: ``train``, or ``held``: one template in eight, never trained on.
    """
    values = Values(seed)
    dice = values.random
    pools = _pools(templates)
    while True:
        marked = _one(values, pools, templates)
        is_long = dice.random() < _LONG
        while len(marked.text) < _LONGEST if is_long else dice.random() < _GOES_ON:
            more = _one(values, pools, templates)
            marked = _joined(marked, more, dice.choice((" ", "\n", "\n\n", " ")))
        if "\n" in marked.text and dice.random() < _QUOTED:
            marked = _quoted(marked, dice.choice(_QUOTES))
        if marked.spans and dice.random() < _RELEASED:
            marked = _released(marked, dice.choice((1.0, 1.0, 0.7)), values)
        form = dice.random()
        if form < 0.10:
            marked = Marked(_same_length(marked.text, marked.text.lower()), marked.spans)
        elif form < 0.13:
            marked = Marked(_same_length(marked.text, marked.text.upper()), marked.spans)
        yield marked


def _one(values: Values, pools: _Pools, templates: str) -> Marked:
    dice = values.random
    form = dice.random()
    if form < _CLEAN:
        return Marked(clean(dice), ())
    if form < _CLEAN + _FRAMED:
        language, template = "en", frame(dice, templates)
    elif form < _CLEAN + _FRAMED + _TOLD and templates == "train" and (about := told(dice)):
        language, template = "en", about
    else:
        pool = dice.choices(pools, weights=[weight for weight, _ in pools])[0][1]
        language, template = dice.choice(pool)
    if dice.random() < _WIDE:
        template = template.replace("\n", "\n\n")
    return _filled(values, template, _locale(values, language))


def _pools(templates: str) -> _Pools:
    pools = []
    for path in sorted(_TEMPLATES.glob("*.txt")):
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line]
        chosen = []
        for line in part_of(lines, templates):
            language, _, rest = line.partition("\t")
            chosen.append((language, rest) if path.name == _EUROPE else ("en", line))
        texts = [(language, text.replace("\\n", "\n")) for language, text in chosen]
        pools.append((_WEIGHTS.get(path.name, _WEIGHT), texts))
    return pools


def _locale(values: Values, language: str) -> str:
    if language == "en":
        # Whoever writes English often writes of people and places from elsewhere.
        return values.random.choice(ENGLISH if values.random.random() < 0.55 else LOCALES)
    return values.random.choice([name for name in LOCALES if name.startswith(f"{language}_")])


def _filled(values: Values, template: str, locale: str) -> Marked:
    noise = Noise(values.random)
    parts: list[str] = []
    spans: list[tuple[int, int, str]] = []
    at = length = 0
    month = -1  # where one has just ended
    for slot in _SLOT.finditer(template):
        if slot[1] not in KIND_OF_SLOT:
            continue
        before = noise.around(template[at : slot.start()])
        mixed = locale if values.random.random() < 0.85 else values.random.choice(ENGLISH)
        value = noise.value(values.draw(slot[1], mixed))
        parts += [before, value]
        start, length = length + len(before), length + len(before) + len(value)
        kind = KIND_OF_SLOT[slot[1]]
        if slot[1] == "time" and spans and spans[-1][1:] == (start - len(before), "date"):
            spans[-1] = (spans[-1][0], length, "date")  # the time of a day goes with it
        elif slot[1] == "year" and before == " " and month == start - 1:
            spans.append((start - 1 - len(parts[-3]), length, "date"))
        elif kind and value:
            _add(spans, start, length, kind, before)
        month = length if slot[1] == "month" else -1
        at = slot.end()
    parts.append(noise.around(template[at:]))
    return Marked("".join(parts), tuple(spans))


def _add(spans: list[tuple[int, int, str]], start: int, end: int, kind: str, before: str) -> None:
    """Add a span; one that follows its like after a blank goes on with it (``Dr. Ann Smith``)."""
    if spans and before == " " and spans[-1][2] == kind:
        start = spans.pop()[0]
    spans.append((start, end, kind))


def _joined(first: Marked, second: Marked, between: str) -> Marked:
    shift = len(first.text) + len(between)
    moved = tuple((start + shift, end + shift, kind) for start, end, kind in second.spans)
    return Marked(first.text + between + second.text, first.spans + moved)


def _released(marked: Marked, share: float, values: Values) -> Marked:
    """Return it as a release leaves it: placeholders, which are nothing to mark, for most spans."""
    parts: list[str] = []
    spans: list[tuple[int, int, str]] = []
    numbers: dict[tuple[str, str], int] = {}
    at = length = 0
    for start, end, kind in marked.spans:
        if start < at:
            continue
        before, value = marked.text[at:start], marked.text[start:end]
        if values.random.random() < share:
            number = numbers.setdefault((kind, value), len(numbers) + 1)
            value = f"<{kind.upper()}_{number}>"
        else:
            first = length + len(before)
            spans.append((first, first + len(value), kind))
        parts += [before, value]
        length += len(before) + len(value)
        at = end
    parts.append(marked.text[at:])
    return Marked("".join(parts), tuple(spans))


def _quoted(marked: Marked, mark: str) -> Marked:
    """Return it with ``mark`` before every line, as quoted mails have; spans end with lines."""
    parts: list[str] = []
    spans: list[tuple[int, int, str]] = []
    at = length = 0
    for line in marked.text.split("\n"):
        parts.append(f"{mark}{line}")
        shift = length + len(mark) - at
        for start, end, kind in marked.spans:
            first, last = max(start, at), min(end, at + len(line))
            inside = marked.text[first:last]
            if inside.strip():
                first += len(inside) - len(inside.lstrip())
                spans.append((first + shift, last + shift, kind))
        length += len(mark) + len(line) + 1
        at += len(line) + 1
    return Marked("\n".join(parts), tuple(spans))


def _same_length(text: str, changed: str) -> str:
    return changed if len(changed) == len(text) else text


def main() -> None:
    """Show some texts, spans in brackets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--templates", choices=("train", "held"), default="train")
    options = parser.parse_args()
    texts = generate(options.seed, templates=options.templates)
    for _ in range(options.texts):
        marked = next(texts)
        shown, at = [], 0
        for start, end, kind in marked.spans:
            shown += [marked.text[at:start], "[", marked.text[start:end], f"|{kind}]"]
            at = end
        print("".join([*shown, marked.text[at:]]), end="\n---\n")  # noqa: T201 - a command


if __name__ == "__main__":
    main()
