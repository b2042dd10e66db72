"""The cost formula against the paper's numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.search.costs import ModelShape, call_flops

SMALL, MIDDLE, LARGE = (
    ModelShape(1e9, 16, 2048),
    ModelShape(3e9, 28, 3072),
    ModelShape(8e9, 32, 4096),
)
MATH, MMLU, HUMANEVAL = (202, 275, 9.710e11), (213, 215, 8.680e11), (180, 115, 5.957e11)
"""Prompt and answer tokens, and the paper's budget unit."""


def units(models, edges, task) -> float:
    """Add the calls of a graph up: each reads the question and its predecessors' answers."""
    prompt, answer, unit = task
    read = [
        prompt + answer * sum(target == step for _, target in edges) for step in range(len(models))
    ]
    calls = zip(models, read, strict=True)
    return sum(call_flops(m, prompt_tokens=p, answer_tokens=answer) for m, p in calls) / unit


@pytest.mark.parametrize(
    ("models", "edges", "expected"),
    [
        ([MIDDLE] * 4, [(0, 3), (1, 3), (2, 3)], 17.31),
        ([MIDDLE] * 4, [(0, 1), (1, 2), (2, 3)], 17.23),
        ([LARGE, MIDDLE, MIDDLE], [(0, 2), (1, 2)], 17.44),
    ],
)
def test_graphs_cost_what_the_paper_says(models, edges, expected) -> None:
    assert round(units(models, edges, MATH), 2) == expected


@pytest.mark.parametrize(
    ("task", "ceilings"),
    [(MATH, (17.8, 42.9, 79.0)), (MMLU, (16.3, 38.5, 70.0)), (HUMANEVAL, (14.2, 31.9, 56.4))],
)
def test_ceilings_are_those_of_the_complete_graph(task, ceilings) -> None:
    for nodes, ceiling in zip((4, 8, 12), ceilings, strict=True):
        complete = [(a, b) for a in range(nodes + 1) for b in range(a + 1, nodes + 1)]

        assert round(units([SMALL] * nodes + [MIDDLE], complete, task), 1) == ceiling


@given(st.integers(1, 4000), st.integers(1, 4000))
def test_the_two_forms_of_the_formula_agree(prompt, answer) -> None:
    total = prompt + answer

    flops = call_flops(SMALL, prompt_tokens=prompt, answer_tokens=answer)

    short = 2 * SMALL.parameters * total + 2 * SMALL.layers * SMALL.hidden * total * (total + 1)
    assert flops == pytest.approx(short)
