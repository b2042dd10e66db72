"""Verdicts move a router's chances: towards the truth, within bounds, by the newest ones."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.routing.residuals import Residuals, ResidualsOptions

CHANCES = {"near": 0.5, "far": 0.8}
GREEDY = ResidualsOptions(explore=0.0)

chance = st.floats(0.0, 1.0)
verdicts = st.lists(
    st.tuples(st.sampled_from(["near", "far"]), chance, chance, st.booleans()), max_size=60
)


def learned(options: ResidualsOptions, graph: str, verdicts: Sequence[bool]) -> Residuals:
    made = Residuals(options)
    for is_right in verdicts:
        made.learn(graph, CHANCES, is_right=is_right)
    return made


def test_without_verdicts_or_exploring_the_fitted_router_decides() -> None:
    assert Residuals(GREEDY).adjusted(CHANCES) == CHANCES


def test_a_graph_that_does_better_than_expected_rises_and_others_stay() -> None:
    moved = learned(GREEDY, "near", [True] * 40).adjusted(CHANCES)

    assert 0.6 < moved["near"] <= 0.7
    assert moved["far"] == CHANCES["far"]


def test_a_graph_that_does_worse_falls() -> None:
    assert learned(GREEDY, "far", [False] * 40).adjusted(CHANCES)["far"] == pytest.approx(0.6)


def test_what_is_little_known_is_tried_more() -> None:
    moved = learned(ResidualsOptions(explore=0.5), "near", [True, False] * 50).adjusted(CHANCES)

    assert moved["far"] - CHANCES["far"] > moved["near"] - CHANCES["near"]


def test_only_the_newest_verdicts_count() -> None:
    options = ResidualsOptions(explore=0.0, window=30)

    forgotten = learned(options, "near", [True] * 100 + [False] * 30).adjusted(CHANCES)
    never_known = learned(options, "near", [False] * 30).adjusted(CHANCES)

    assert forgotten == pytest.approx(never_known)


def test_what_is_known_of_a_graph_that_is_asked_no_more_is_forgotten() -> None:
    residuals = learned(ResidualsOptions(explore=0.0, window=30), "near", [False] * 30)

    for _ in range(30):
        residuals.learn("far", CHANCES, is_right=True)

    assert residuals.adjusted(CHANCES)["near"] == pytest.approx(CHANCES["near"])
    assert residuals.standing()["near"].verdicts == 0


@given(verdicts, chance, chance, st.floats(0.01, 0.5), st.floats(0.0, 2.0))
def test_no_verdicts_move_a_chance_further_than_allowed(
    given_verdicts, near: float, far: float, most: float, explore: float
) -> None:
    residuals = Residuals(ResidualsOptions(explore=explore, most_shift=most, window=20))
    for graph, one, other, is_right in given_verdicts:
        residuals.learn(graph, {"near": one, "far": other}, is_right=is_right)

    moved = residuals.adjusted({"near": near, "far": far})

    for graph, before in (("near", near), ("far", far)):
        assert 0 <= moved[graph] <= 1
        assert abs(moved[graph] - before) <= most + 1e-9


def test_the_standing_is_what_was_said_beside_what_was_expected() -> None:
    standing = learned(GREEDY, "far", [True, False, False]).standing()["far"]

    assert (standing.verdicts, standing.right) == (3, 1)
    assert standing.foreseen == pytest.approx(2.4)
    assert standing.shift < 0
