"""Intervals agree with published tables and solve their own equation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.study.bounds import percentile, share_interval, share_upper


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [
        (0, 10, 0.0, 0.3085),
        (5, 10, 0.1871, 0.8129),
        (10, 10, 0.6915, 1.0),
        (1, 100, 0.0003, 0.0545),
    ],
)
def test_share_intervals_are_those_of_the_tables(
    hits: int, count: int, low: float, high: float
) -> None:
    found = share_interval(hits, count, confidence=0.95)

    assert found == pytest.approx((low, high), abs=5e-5)


@settings(max_examples=50)
@given(count=st.integers(1, 400), data=st.data())
def test_a_share_bound_solves_the_binomial_equation(count: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, count - 1))

    upper = share_upper(hits, count, confidence=0.95)

    tail = math.fsum(
        math.comb(count, k) * upper**k * (1 - upper) ** (count - k) for k in range(hits + 1)
    )
    assert tail == pytest.approx(0.05, abs=1e-9)
    assert upper > hits / count


def test_a_percentile_is_a_value_that_was_seen() -> None:
    assert percentile(np.array([3.0, 1.0, 2.0]), 0.95) == 3.0
    assert percentile(np.arange(1.0, 101.0), 0.95) == 95.0
