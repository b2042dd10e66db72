"""Intervals: paired, repeatable, and never certain."""

import numpy as np
import pytest

from reference.tabulated.statistics import paired_difference, share_of


def test_a_clear_difference_is_shown_and_a_faint_one_is_not() -> None:
    ours = np.array([1] * 60 + [0] * 40)
    theirs = np.array([0] * 50 + [1] * 10 + [0] * 40)

    clear = paired_difference(ours, theirs)
    faint = paired_difference(ours, np.roll(ours, 1))

    assert clear.mean == 0.5
    assert 0.38 < clear.low < 0.5 < clear.high < 0.62
    assert clear.is_shown
    assert not faint.is_shown


def test_the_same_values_give_the_same_interval() -> None:
    ours, theirs = np.eye(30)[0], np.eye(30)[1]

    assert paired_difference(ours, theirs) == paired_difference(ours, theirs)


def test_no_difference_in_few_questions_is_no_proof_of_none() -> None:
    same = paired_difference(np.ones(30), np.ones(30))

    assert (same.mean, same.low, same.high) == (0.0, -0.1, 0.1)


def test_a_share_has_wilsons_interval() -> None:
    share = share_of(np.ones(10, dtype=bool))

    assert share.mean == 1.0
    assert 0.7 < share.low < 0.75
    assert share.high == pytest.approx(1.0)


def test_nothing_measured_says_nothing() -> None:
    nothing = paired_difference(np.zeros(0), np.zeros(0))

    assert (nothing.low, nothing.high, nothing.is_shown) == (-1.0, 1.0, False)
