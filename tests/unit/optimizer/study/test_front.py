"""The front holds what nothing beats and everything allows; volumes and differences are exact."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.evaluation.model import Answered
from optimizer.search.model import Candidate, CandidateKey, Constraint, Measure
from optimizer.study.archive import Measured, measured_of
from optimizer.study.compare import compare
from optimizer.study.front import ahead_of, front_of, hypervolume
from optimizer.study.keeping import Keeping


def measured(
    number: int,
    *,
    right: int,
    of: int = 100,
    usd: float = 1.0,
    exposed: int = 0,
    constraints: tuple[Constraint, ...] = (),
) -> Measured:
    answers = {
        question: Answered(float(question < right), question < exposed, usd, 1.0, 0.5)
        for question in range(of)
    }
    candidate = Candidate(CandidateKey(f"graph-{number}"), (number,))
    return measured_of(number, candidate, answers, keeping=judge(*constraints))


def judge(*constraints: Constraint) -> Keeping:
    return Keeping(constraints, confidence=0.95, questions=100)


def test_a_beaten_graph_is_not_on_the_front_and_equals_are() -> None:
    graphs = [
        measured(1, right=80, usd=2.0),
        measured(2, right=80, usd=1.0),
        measured(3, right=60, usd=0.5),
        measured(4, right=60, usd=0.5),
        measured(5, right=50, usd=1.5),
    ]

    front = front_of(graphs, ["accuracy", "cost_usd"])

    assert [one.number for one in front.members] == [2, 3, 4]


def test_a_graph_beside_the_front_is_told_which_member_is_ahead_of_it() -> None:
    beaten, cheaper = measured(1, right=80, usd=2.0), measured(2, right=80, usd=1.0)
    front = front_of([beaten, cheaper, measured(3, right=90, usd=3.0)], ["accuracy", "cost_usd"])

    assert ahead_of(beaten, front) is cheaper
    assert ahead_of(cheaper, front) is None


def test_a_constraint_must_hold_on_new_questions_too() -> None:
    cap = (Constraint(Measure.CLOUD_SHARE, 0.10),)
    graphs = [
        measured(1, right=90, exposed=10, constraints=cap),  # 10 of 100: up to 16 % elsewhere
        measured(2, right=80, exposed=3, constraints=cap),
        measured(3, right=95, exposed=30, constraints=cap),
    ]

    front = front_of(graphs, ["accuracy"])
    hopeful = front_of(graphs, ["accuracy"], with_unproven=True)

    assert [one.number for one in front.members] == [2]
    assert (front.unproven, front.broken) == (1, 1)
    assert [one.number for one in hopeful.members] == [1]


def test_graphs_that_were_asked_little_are_not_compared() -> None:
    graphs = [measured(1, right=70), measured(2, right=10, of=10)]

    front = front_of(graphs, ["accuracy"])

    assert [one.number for one in front.members] == [1]
    assert front.too_few == 1


@pytest.mark.parametrize(
    ("points", "volume"),
    [([], 0.0), ([(0.5, 0.5)], 0.25), ([(0.25, 0.5), (0.5, 0.25)], 0.5), ([(1.0, 0.0)], 0.0)],
)
def test_hypervolumes_of_known_fronts(points: list[tuple[float, ...]], volume: float) -> None:
    assert hypervolume(points, (1.0, 1.0)) == pytest.approx(volume)


@settings(max_examples=40)
@given(st.lists(st.tuples(*[st.integers(0, 5)] * 3), max_size=6))
def test_a_hypervolume_counts_the_dominated_cells(points: list[tuple[int, ...]]) -> None:
    cells = sum(
        any(all(p <= c for p, c in zip(point, cell, strict=True)) for point in points)
        for cell in itertools.product(range(5), repeat=3)
    )

    assert hypervolume(points, (5, 5, 5)) == cells


def test_differences_are_paired_by_question() -> None:
    found = compare(measured(1, right=70), measured(2, right=80, of=90))

    assert found is not None
    assert found.questions == 90
    assert found.only_b_right == tuple(range(70, 80))
    assert found.only_a_right == ()
    assert found.accuracy.mean == pytest.approx(10 / 90)
    assert found.accuracy.is_clear
    assert not found.cost_usd.is_clear


def test_graphs_without_a_common_question_are_not_compared() -> None:
    a, b = measured(1, right=1, of=1), measured(2, right=1, of=3)
    alone = measured_of(
        3,
        b.candidate,
        {7: Answered(1.0, False, 0.0, 0.0, 0.0)},
        keeping=judge(),
    )

    assert compare(a, alone) is None
