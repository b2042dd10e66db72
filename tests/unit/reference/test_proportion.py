"""Wilson's interval."""

import pytest

from reference.proportion import Proportion


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (45, 100, 0.3561, 0.5476)],
)
def test_the_interval_is_wilsons(right: int, count: int, low: float, high: float) -> None:
    assert Proportion(right, count).interval == pytest.approx((low, high), abs=5e-4)


def test_without_tries_nothing_is_known() -> None:
    assert Proportion(0, 0).interval == (0.0, 1.0)
    assert Proportion(0, 0).share == 0.0
