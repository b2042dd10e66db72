"""The paper's sampling rules, as properties."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from optimizer.search.dag_sampling import (
    DagOdds,
    DagRole,
    dag_problem,
    initial_odds,
    sample_dag,
)

COSTS = (1.0, 3.0, 9.0)


@given(st.integers(0, 5000), st.integers(1, 7), st.floats(1.0, 12.0))
def test_a_sample_keeps_every_rule(seed, nodes, budget) -> None:
    dag = sample_dag(
        initial_odds(nodes, 3),
        unit_costs=COSTS,
        node_budget=budget,
        rng=np.random.default_rng(seed),
    )

    assert dag is not None
    sink = nodes
    assert sum(COSTS[dag.models[node]] for node in dag.nodes) <= budget
    assert dag_problem(dag.nodes, dag.edges, dag.roles, sink) is None
    assert any(target == sink for _, target in dag.edges)
    assert all(source != sink for source, _ in dag.edges)
    assert is_acyclic(dag.edges)
    for source, target in dag.edges:
        if target != sink and dag.roles[source] is DagRole.FUSER:
            assert dag.roles[target] is DagRole.ASSISTANT


def test_the_prior_is_sparse() -> None:
    odds = initial_odds(6, 1)
    rng = np.random.default_rng(0)
    first = [sample_dag(odds, unit_costs=(1.0,), node_budget=6.0, rng=rng) for _ in range(300)]

    taken = [len(one.edges) for one in first if one is not None]

    # 36 ordered pairs, half of the 30 inner ones legal, at 0.119; conditioned on the sink heard
    assert 2.0 < float(np.mean(taken)) < 5.5


def test_an_edge_with_high_odds_is_nearly_always_there() -> None:
    odds = initial_odds(2, 1)
    edges = odds.edges.copy()
    edges[:, 2] = 8.0
    rng = np.random.default_rng(0)

    drawn = [
        sample_dag(
            DagOdds(edges, odds.roles, odds.models), unit_costs=(1.0,), node_budget=2.0, rng=rng
        )
        for _ in range(50)
    ]

    assert np.mean([one is not None and (0, 2) in one.edges for one in drawn]) > 0.9


def test_nothing_fits_no_budget() -> None:
    dag = sample_dag(
        initial_odds(3, 1), unit_costs=(5.0,), node_budget=4.0, rng=np.random.default_rng(0)
    )

    assert dag is None


def is_acyclic(edges) -> bool:
    left = list(edges)
    while left:
        sources = {source for source, _ in left}
        kept = [edge for edge in left if edge[1] in sources]
        if len(kept) == len(left):
            return False
        left = kept
    return True
