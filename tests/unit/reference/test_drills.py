"""Bare arithmetic, clock times and copying."""

import random
import re
from collections.abc import Iterator

from reference.drills import draw_drill

COMPUTE = {"*": int.__mul__, "+": int.__add__, "-": int.__sub__}


def pairs(count: int = 400) -> Iterator[tuple[str, str, str]]:
    """Prompt, what is given and what is asked for, of many drills."""
    rng = random.Random(0)
    for _ in range(count):
        prompt, lines = draw_drill(rng)
        yield from ((prompt, given, asked) for given, asked in lines)


def test_every_result_is_right_and_positive() -> None:
    for prompt, given, asked in pairs():
        if prompt == "Calculate." and ":" not in given:
            left, sign, right = re.findall(r"\d+|[*+-]", given)
            assert asked == f" {COMPUTE[sign](int(left), int(right))}."
            assert not asked.startswith(" -")


def test_every_time_is_right() -> None:
    for _, given, asked in pairs():
        found = re.fullmatch(r" (\d+):(\d\d) ([+-]) (\d+) (min|h) =", given)
        if found:
            hour, minute, sign, number, unit = found.groups()
            moved = int(number) * (60 if unit == "h" else 1) * (1 if sign == "+" else -1)
            total = 60 * int(hour) + int(minute) + moved
            assert asked == f" {total // 60}:{total % 60:02d}."


def test_what_is_to_be_copied_stands_in_the_prompt() -> None:
    copied = [(p, given, asked) for p, given, asked in pairs() if p.endswith("Repeat.")]

    assert copied
    for prompt, given, asked in copied:
        assert f"{given}{asked}".strip() in prompt
