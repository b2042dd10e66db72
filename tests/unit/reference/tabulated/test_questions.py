"""The questions: evenly drawn, all different, the same at every call."""

from collections import Counter

import pytest

from reference.tabulated.questions import digest_of, draw_questions
from reference.tasks import split_of

DRAWN = draw_questions(64)


def test_halves_tasks_and_levels_are_equally_frequent() -> None:
    cells = Counter((split_of(one), one.task, one.level) for one in DRAWN)

    assert set(cells.values()) == {2}
    assert {split for split, _, _ in cells} == {"search", "report"}


def test_no_two_questions_are_the_same_problem() -> None:
    assert len({question.redacted.text for question in DRAWN}) == len(DRAWN)


def test_the_same_questions_are_drawn_again_and_others_have_another_digest() -> None:
    assert digest_of(draw_questions(64)) == digest_of(DRAWN)
    assert digest_of(draw_questions(64, seed=1)) != digest_of(DRAWN)


def test_a_number_that_does_not_divide_evenly_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 32"):
        draw_questions(40)
