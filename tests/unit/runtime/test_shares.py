"""Intervals agree with published tables and solve their own equation."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.shares import share_interval, share_lower, share_upper


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


def test_a_lower_bound_is_the_upper_bound_of_the_rest() -> None:
    assert share_lower(7, 10, confidence=0.95) == 1 - share_upper(3, 10, confidence=0.95)
    assert share_lower(0, 10, confidence=0.95) == 0.0
