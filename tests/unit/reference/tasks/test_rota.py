"""Times of day: the working is right, and its length is the level."""

import random
import re

import pytest

from reference.corruption import corrupt
from reference.tasks import LEVELS, clock_text, is_right, questions

STEP = re.compile(r"(\d+(?::\d\d)?) ([*+-]) (\d+)( min| h)? = (\d+(?::\d\d)?)\.")


def minutes(clock: str) -> int:
    hours, _, rest = clock.partition(":")
    return 60 * int(hours) + int(rest)


def check(working: str) -> list[str]:
    """Recompute every step; return the results."""
    results = []
    for left, sign, right, unit, result in STEP.findall(working):
        if ":" not in left:
            assert int(left) * int(right) == int(result)
        else:
            moved = int(right) * (60 if unit == " h" else 1) * (1 if sign == "+" else -1)
            assert minutes(left) + moved == minutes(result)
        results.append(result)
    return results


@pytest.mark.parametrize("level", LEVELS)
def test_the_working_is_right_and_as_long_as_the_level(level: int) -> None:
    for question in questions(count=60, seed=3, task="rota", level=level):
        results = check(question.solution)
        assert len(results) == level
        assert results[-1] == question.answer


def test_every_step_goes_on_from_the_one_before() -> None:
    for question in questions(count=100, seed=4, task="rota"):
        known = set(re.findall(r"\d+:\d\d|\d+", question.redacted.text))
        for left, _, right, _, result in STEP.findall(question.solution):
            assert {left, right} <= known, question.text
            known.add(result)


def test_a_wrong_answer_is_a_time_too_and_carries_its_slip_to_the_end() -> None:
    rng = random.Random(0)
    for question in questions(count=200, seed=5, task="rota"):
        wrong = corrupt(question, rng)
        assert not is_right(wrong, question.answer)
        if "Answer: " in wrong:
            answer = wrong.rpartition("Answer: ")[2]
            assert re.fullmatch(r"\d+:\d\d", answer)
            assert STEP.findall(wrong)[-1][4] == answer


def test_a_time_is_written_without_a_leading_zero() -> None:
    assert clock_text(6 * 60 + 5) == "6:05"
    assert clock_text(21 * 60) == "21:00"
