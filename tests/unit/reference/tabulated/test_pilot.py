"""What a pilot counts: every call of a question, at the family that is the first to make it."""

from reference.tabulated.pilot import family_costs
from reference.tabulated.plans import Moves
from reference.tabulated.space import Space
from reference.tabulated.sweep import Answered


def test_families_together_make_every_call_once(
    small_space: Space, small_moves: Moves, small_answers: list[Answered]
) -> None:
    costs = family_costs(small_space, small_moves, small_answers)

    calls = sum(len(one.calls) for one in small_answers)
    assert sum(cost.calls_per_question for cost in costs) * len(small_answers) == calls
    assert costs[0].family == "single"
    assert sum(cost.graphs for cost in costs) == len(small_space.graphs)
