"""What there is to gain, held against draws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.search.improvement import expected_gain

MEANS = st.floats(0.0, 1.0)
DOUBTS = st.floats(0.001, 0.3)


def gain_of(
    mean: float, doubt: float, bar: float, *, excess: float = -1.0, excess_doubt: float = 0.0
) -> float:
    one = expected_gain(
        np.array([mean]),
        np.array([doubt]),
        bar,
        excess=np.array([excess]),
        excess_doubt=np.array([excess_doubt]),
    )
    return float(one[0])


@pytest.mark.parametrize(("mean", "doubt"), [(0.7, 0.05), (0.85, 0.02), (0.9, 0.1)])
def test_the_gain_is_what_draws_exceed_the_bar_by(mean: float, doubt: float) -> None:
    drawn = np.random.default_rng(0).normal(mean, doubt, 200_000)

    gain = gain_of(mean, doubt, 0.85)

    assert gain == pytest.approx(np.maximum(drawn - 0.85, 0.0).mean(), abs=3e-4)


@given(MEANS, DOUBTS, DOUBTS, MEANS)
def test_more_doubt_never_makes_less_to_gain(
    mean: float, doubt: float, more: float, bar: float
) -> None:
    assert gain_of(mean, doubt + more, bar) >= gain_of(mean, doubt, bar) - 1e-3 * (doubt + more)


@given(MEANS, DOUBTS, MEANS, st.floats(-1.0, 1.0), DOUBTS)
def test_a_cap_that_may_break_takes_its_share_of_the_gain(
    mean: float, doubt: float, bar: float, excess: float, excess_doubt: float
) -> None:
    gain = gain_of(mean, doubt, bar, excess=excess, excess_doubt=excess_doubt)

    assert 0.0 <= gain <= gain_of(mean, doubt, bar) + 1e-12
    if excess == 0.0:
        assert gain == pytest.approx(gain_of(mean, doubt, bar) / 2)


def test_nothing_is_to_be_gained_from_what_is_known() -> None:
    assert gain_of(0.9, 0.0, 0.5) == 0.0
    assert gain_of(0.9, 0.1, 0.5, excess=0.5) == 0.0
