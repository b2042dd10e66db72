"""What follows from a space and its caps before anything is run."""

import pytest

from optimizer.search.caps import CapRule
from optimizer.search.model import Constraint, Measure
from optimizer.search.problem import Problem


def problem_of(team_world, cap: float, confidence: float | None) -> Problem:
    questions = team_world.problem.questions
    rule = CapRule((Constraint(Measure.CLOUD_SHARE, cap),), confidence, questions)
    return Problem(team_world.space, rule, questions)


def test_where_nothing_may_leave_no_graph_is_looked_at_that_could_leave(team_world) -> None:
    problem = problem_of(team_world, 0.0, 0.95)

    allowed = problem.allowed

    assert allowed is not None
    assert problem.pool is not None
    left_out = set(problem.pool.index) - set(allowed.index)
    assert all(one.choices[-1] == 0 for one in allowed.candidates)
    assert all("?" in key for key in left_out)
    assert left_out


@pytest.mark.parametrize(("cap", "confidence"), [(0.0, None), (0.3, 0.95), (1.0, 0.95)])
def test_where_it_takes_outcomes_to_know_every_graph_stays(team_world, cap, confidence) -> None:
    problem = problem_of(team_world, cap, confidence)

    assert problem.allowed is problem.pool
