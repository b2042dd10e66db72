"""The cost formula against the paper's numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.search.costs import (
    HUMANEVAL,
    MATH,
    MMLU,
    PAPER_MODELS,
    call_flops,
    flops_cost,
    graph_cost,
    price_cost,
)

SMALL, MIDDLE, LARGE = "llama-3.2-1b", "llama-3.2-3b", "llama-3.1-8b"


@pytest.mark.parametrize(
    ("models", "edges", "units"),
    [
        ([MIDDLE] * 4, [(0, 3), (1, 3), (2, 3)], 17.31),
        ([MIDDLE] * 4, [(0, 1), (1, 2), (2, 3)], 17.23),
        ([LARGE, MIDDLE, MIDDLE], [(0, 2), (1, 2)], 17.44),
    ],
)
def test_graphs_cost_what_the_paper_says(models, edges, units) -> None:
    cost = graph_cost(models, edges, flops_cost(PAPER_MODELS, MATH))

    assert round(cost, 2) == units


@pytest.mark.parametrize(
    ("task", "ceilings"),
    [(MATH, (17.8, 42.9, 79.0)), (MMLU, (16.3, 38.5, 70.0)), (HUMANEVAL, (14.2, 31.9, 56.4))],
)
def test_ceilings_are_those_of_the_complete_graph(task, ceilings) -> None:
    for nodes, ceiling in zip((4, 8, 12), ceilings, strict=True):
        complete = [(a, b) for a in range(nodes + 1) for b in range(a + 1, nodes + 1)]
        models = [SMALL] * nodes + [MIDDLE]

        assert round(graph_cost(models, complete, flops_cost(PAPER_MODELS, task)), 1) == ceiling


@given(st.integers(1, 4000), st.integers(1, 4000))
def test_the_two_forms_of_the_formula_agree(prompt, answer) -> None:
    shape = PAPER_MODELS[SMALL]
    total = prompt + answer

    flops = call_flops(shape, prompt_tokens=prompt, answer_tokens=answer)

    short = 2 * shape.parameters * total + 2 * shape.layers * shape.hidden * total * (total + 1)
    assert flops == pytest.approx(short)


def test_money_is_another_cost_of_the_same_graph() -> None:
    cost = price_cost({SMALL: (1.0, 2.0)}, MATH)

    assert graph_cost([SMALL], [], cost) == pytest.approx((202 + 2 * 275) / 1e6)
