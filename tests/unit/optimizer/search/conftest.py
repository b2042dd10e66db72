"""Small spaces to search: a team space on a made-up record, and a DAG space with roles."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from bench.search_synthetic import Kind, make_matrix
from optimizer.replay.matrix import matrix_from_data
from optimizer.replay.space_document import HashClass, TeamSpec
from optimizer.replay.team_space import TeamSpace
from optimizer.replay.team_table import TeamTable, build_table
from optimizer.search.caps import CapRule
from optimizer.search.model import (
    Candidate,
    CandidateKey,
    Constraint,
    Decision,
    DecisionKind,
    Measure,
    Outcomes,
    Trial,
)
from optimizer.search.problem import Problem
from runtime.graph.model import Graph, Step
from runtime.graph.roles import Role
from runtime.ids import ModelName, StepId

KIND = Kind(200, (0.2, 0.8, 1.0, 1.2), (1.8, 2.2), empty=0.02, seed=9)


@dataclass(frozen=True)
class TeamWorld:
    """A space, its outcomes and the problem at a cap."""

    space: TeamSpace
    table: TeamTable
    problem: Problem


@pytest.fixture(scope="session")
def team_world() -> TeamWorld:
    matrix = matrix_from_data(make_matrix(KIND))
    spec = TeamSpec(
        name="small",
        edge=tuple(f"edge-{one}" for one in range(4)),
        cloud=("cloud-0", "cloud-1"),
        thresholds=(0.51, 1.0),
        caps=(0.3,),
        sensitive=HashClass(5),
        split=HashClass(2),
    )
    table = build_table(matrix, spec)
    space = TeamSpace(spec, table.may_leave[table.search])
    questions = len(table.search)
    rule = CapRule((Constraint(Measure.CLOUD_SHARE, 0.3),), 0.95, questions)
    return TeamWorld(space, table, Problem(space, rule, questions))


class RoleSpace:
    """Three steps with a model each, two edges, and the last step's role."""

    name = "roles"
    decisions = (
        Decision("first", DecisionKind.MODEL, ("small", "medium", "large")),
        Decision("second", DecisionKind.MODEL, ("small", "medium", "large")),
        Decision("sink", DecisionKind.MODEL, ("small", "medium", "large")),
        Decision("first -> sink", DecisionKind.EDGE, ("absent", "present")),
        Decision("second -> sink", DecisionKind.EDGE, ("absent", "present")),
        Decision("sink role", DecisionKind.ROLE, ("assistant", "fuser")),
    )

    def __init__(self, *, is_listed: bool) -> None:
        self._is_listed = is_listed

    def refusal(self, choices: Sequence[int]) -> str | None:
        if choices[5] == 1 and not (choices[3] and choices[4]):
            return "a fuser merges several"
        return None

    def candidate(self, choices: Sequence[int]) -> Candidate:
        fixed = tuple(int(one) for one in choices)
        return Candidate(CandidateKey("-".join(map(str, fixed))), fixed)

    def candidates(self) -> Sequence[Candidate] | None:
        if not self._is_listed:
            return None
        sizes = [len(one.options) for one in self.decisions]
        every = (tuple(int(one) for one in row) for row in np.ndindex(*sizes))
        return [self.candidate(one) for one in every if self.refusal(one) is None]

    def graph(self, candidate: Candidate) -> Graph:
        model = self.decisions[2].options[candidate.choices[2]]
        return Graph("roles", (Step(StepId("sink"), Role.ASSISTANT, ModelName(model)),), ())


class RoleEvaluator:
    """Better models, more predecessors and fusing help; cost grows with all of them."""

    questions = 120

    def evaluate(self, trial: Trial) -> Outcomes:
        first, second, sink, left, right, fuser = trial.candidate.choices
        value = 0.3 + 0.1 * sink + left * 0.04 * (1 + first) + right * 0.04 * (1 + second)
        value += 0.05 * fuser
        asked = np.array(trial.questions)
        luck = np.random.default_rng(5).random(self.questions)[asked]
        own = np.random.default_rng([7, *trial.candidate.choices]).random(self.questions)[asked]
        cost = 1.0 + 2.0 * sink + left * (1 + first) + right * (1 + second)
        return Outcomes(
            questions=asked,
            right=(0.8 * luck + 0.2 * own < value).astype(np.float64),
            exposed=np.zeros(len(asked), np.bool_),
            cost_usd=np.full(len(asked), cost),
            flops=np.zeros(len(asked)),
            latency_s=np.zeros(len(asked)),
        )


@pytest.fixture(params=[True, False], ids=["listed", "unlisted"])
def role_problem(request: pytest.FixtureRequest) -> Problem:
    rule = CapRule((Constraint(Measure.COST_USD, 7.0),), 0.95, RoleEvaluator.questions)
    return Problem(RoleSpace(is_listed=request.param), rule, RoleEvaluator.questions)


@pytest.fixture
def role_evaluator() -> RoleEvaluator:
    return RoleEvaluator()
