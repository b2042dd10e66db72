"""Percentiles are values that were seen."""

import numpy as np

from optimizer.study.bounds import percentile


def test_a_percentile_is_a_value_that_was_seen() -> None:
    assert percentile(np.array([3.0, 1.0, 2.0]), 0.95) == 3.0
    assert percentile(np.arange(1.0, 101.0), 0.95) == 95.0
