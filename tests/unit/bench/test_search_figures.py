"""How runs become figures."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.search_figures import Cell, holm, paired
from bench.search_runs import Point, Run


def run_of(points) -> Run:
    return Run("m", "A", 0, tuple(points), 100, 0.0, 1, 0)


def point(executions: int, regret: float) -> Point:
    return Point(executions, executions * 2, regret, regret + 0.01, 0)


def test_the_first_amount_counts_from_which_the_regret_stays_small() -> None:
    run = run_of([point(100, 0.005), point(200, 0.03), point(300, 0.009), point(900, 0.0)])

    first = run.first_within(0.01, axis="executions", budget=1000, plain=False)

    assert first == 300
    assert run.first_within(0.01, axis="calls", budget=1000, plain=False) == 600
    assert run.first_within(0.01, axis="executions", budget=250, plain=False) is None


def test_what_comes_after_the_budget_does_not_count() -> None:
    run = run_of([point(100, 0.005), point(2000, 0.5)])

    assert run.first_within(0.01, axis="executions", budget=1000, plain=False) == 100


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), min_size=1, max_size=8))
def test_corrected_p_values_keep_the_order_and_never_shrink(p_values) -> None:
    corrected = holm(p_values)

    ordered = sorted(p_values, key=lambda one: (p_values[one], one))
    assert all(corrected[one] >= p_values[one] for one in p_values)
    assert np.all(np.diff([corrected[one] for one in ordered]) >= 0)
    assert max(corrected.values()) <= 1.0


@pytest.mark.parametrize(("seeds", "verdict"), [(1, "no claim"), (4, "no claim"), (30, "better")])
def test_few_seeds_make_no_claim_however_clear_they_are(seeds, verdict) -> None:
    ours = [run_of([point(100, 0.0)]) for _ in range(seeds)]
    theirs = [run_of([point(100, 0.02)]) for _ in range(seeds)]
    setting = SimpleNamespace(optimum=0.9, plain_optimum=0.9)
    cell = Cell("cell", setting, {"ours": ours, "theirs": theirs}, {}, 100)

    (row,) = paired(cell, "ours", ["theirs"], [10])

    assert row["verdict"] == verdict
    assert row["difference_pp"] == 2.0
