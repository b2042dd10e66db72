"""The one bootstrap."""

import numpy as np
import pytest

from optimizer.search.resampling import difference_of_means, mean_interval


def test_an_interval_holds_the_mean_and_is_the_same_each_time() -> None:
    apart = np.random.default_rng(1).normal(0.2, 1.0, size=150)

    first, again = mean_interval(apart), mean_interval(apart)

    assert first == again
    assert first.low < first.mean < first.high
    assert first.high - first.low == pytest.approx(2 * 1.96 / 150**0.5, rel=0.2)


def test_a_clear_difference_has_a_small_p_and_none_has_a_large_one() -> None:
    ahead = np.random.default_rng(2).normal(0.5, 1.0, size=200)

    clear, faint = mean_interval(ahead), mean_interval(ahead - ahead.mean())

    assert clear.is_clear
    assert clear.p < 0.01
    assert not faint.is_clear
    assert faint.p > 0.5


def test_two_samples_differ_by_the_difference_of_their_means() -> None:
    a, b = np.zeros(50), np.array([0.0, 1.0] * 40)

    found = difference_of_means(a, b)

    assert found.mean == 0.5
    assert found.low < 0.5 < found.high
    assert found.is_clear


def test_the_bootstrap_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)

    found = [mean_interval((rng.random(80) < 0.3) * 1.0) for _ in range(200)]

    covered = np.mean([one.low <= 0.3 <= one.high for one in found])
    assert 0.88 <= covered <= 0.99
