"""The true optimum, against looking at every graph."""

import numpy as np
import pytest

from optimizer.replay.graph_table import GraphTable
from reference.tabulated.truth import Caps, measure, named_caps, optimum


async def test_no_feasible_graph_is_better_and_none_as_good_is_cheaper(
    small_table: GraphTable,
) -> None:
    found = measure(small_table, small_table.columns())
    for caps in named_caps(small_table).values():
        best = optimum(small_table, found, caps)
        allowed = np.flatnonzero(found.keeps_to(caps))

        assert best is not None
        assert best.graph in allowed
        assert best.feasible == len(allowed)
        assert best.accuracy == found.accuracy[allowed].max()
        as_good = allowed[found.accuracy[allowed] == best.accuracy]
        assert best.equally_good == len(as_good)
        assert found.units[best.graph] == found.units[as_good].min()


async def test_a_cap_that_nothing_keeps_to_has_no_optimum(small_table: GraphTable) -> None:
    found = measure(small_table, small_table.columns())

    assert optimum(small_table, found, Caps(units=0.0)) is None


async def test_a_graph_exactly_at_its_cap_keeps_to_it(small_table: GraphTable) -> None:
    found = measure(small_table, small_table.columns())

    assert found.keeps_to(Caps(units=float(found.units[5])))[5]


async def test_edge_only_means_that_nothing_leaves(small_table: GraphTable) -> None:
    found = measure(small_table, small_table.columns())
    best = optimum(small_table, found, Caps(exposed=0.0))

    assert best is not None
    assert "gannet" not in best.key


async def test_measures_are_means_and_a_percentile(small_table: GraphTable) -> None:
    columns = small_table.columns()
    found = measure(small_table, columns)

    assert found.accuracy[3] == small_table.right[3].mean()
    assert found.latency_p95_s[3] == pytest.approx(np.quantile(small_table.latency_s[3], 0.95))
