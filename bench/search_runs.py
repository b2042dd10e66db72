"""One run of one searcher on one space under one cap, replayed, with what it cost by then.

Knows regret, because it may see the truth; the searcher may not.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, Protocol

from bench.search_truth import controls, truth_of
from optimizer.replay.evaluator import TeamEvaluator
from optimizer.replay.space_document import TeamSpec
from optimizer.replay.team_space import TeamSpace
from optimizer.replay.team_table import TeamTable
from optimizer.replay.truth import Scores, optimum, score_all
from optimizer.search.caps import CapRule
from optimizer.search.model import Constraint, Evaluator, Measure, Recommendation
from optimizer.search.problem import Problem
from optimizer.search.registry import AGENT_REINFORCE, make_search
from optimizer.search.virtual import VirtualTrials

__all__ = [
    "CONFIDENCE",
    "Accounting",
    "AnySetting",
    "Point",
    "Replay",
    "Run",
    "Setting",
    "World",
    "judged",
    "run_once",
]

CONFIDENCE: Final = 0.99
"""One-sided, on every cap, for every method alike."""
_BATCH: Final = 1024
_SLACK: Final = 1e-9

Accounting = Literal["A", "B"]


class Spent(Protocol):
    """What a replay has cost so far."""

    question_executions: int

    @property
    def calls(self) -> int:
        """Fresh model calls, accounting B."""


class Replay(Evaluator, VirtualTrials, Protocol):
    """Looks outcomes up and books what they cost; one instance per run."""

    violations: int

    @property
    def accounts(self) -> Spent:
        """What was spent."""


class AnySetting(Protocol):
    """What runs and figures need of a space under caps, whatever its record is."""

    @property
    def confidence(self) -> float | None:
        """Of the caps' bounds."""

    @property
    def space_name(self) -> str:
        """What reports call the space."""

    @property
    def problem(self) -> Problem:
        """What every searcher is given."""

    @property
    def optimum(self) -> float:
        """The best accuracy on the search half that the bounded caps allow."""

    @property
    def plain_optimum(self) -> float:
        """The best accuracy on the search half under the caps as they stand."""

    @property
    def most_calls(self) -> int:
        """Every call there is: the budget of accounting B."""

    def evaluator(self) -> Replay:
        """Return a replay with nothing spent."""

    def point(self, executions: int, calls: int, chosen: Recommendation | None) -> Point:
        """Judge a recommendation."""

    def breaks(self, row: int) -> bool:
        """Say whether a graph breaks a cap on the report half."""

    def report_accuracy(self, row: int) -> float:
        """Return a graph's accuracy on the report half."""

    def facts(self) -> dict[str, object]:
        """Return the caps, and how choices do that need no search."""

    def truth(self) -> dict[str, object]:
        """Return what enumeration says of the space, the same under all caps."""


@dataclass(frozen=True)
class World:
    """A space on a matrix, with everything that enumeration says about it."""

    space: TeamSpace
    table: TeamTable

    @cached_property
    def search(self) -> Scores:
        """All graphs on the search half."""
        return score_all(self.space, self.table, self.table.search)

    @cached_property
    def report(self) -> Scores:
        """All graphs on the report half."""
        return score_all(self.space, self.table, self.table.report)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Row of every candidate by key."""
        return {one.key: row for row, one in enumerate(self.space.candidates())}

    @property
    def spec(self) -> TeamSpec:
        """What the space was made of."""
        return self.space.spec


@dataclass(frozen=True)
class Setting:
    """A world under a cap, with or without a confidence bound."""

    world: World
    cap: float
    confidence: float | None

    @property
    def space_name(self) -> str:
        """What reports call the space."""
        return self.world.spec.name

    @property
    def most_calls(self) -> int:
        """Every call there is: the budget of accounting B."""
        table = self.world.table
        return (len(table.edge_right) + len(table.cloud_right)) * len(table.search)

    def evaluator(self) -> TeamEvaluator:
        """Return a replay with nothing spent."""
        return TeamEvaluator(self.world.space, self.world.table)

    def report_accuracy(self, row: int) -> float:
        """Return a graph's accuracy on the report half."""
        return float(self.world.report.accuracy[row])

    def facts(self) -> dict[str, object]:
        """Return the cap, and how choices do that need no search."""
        return {"cap": self.cap, "controls": controls(self.world, self.optimum)}

    def truth(self) -> dict[str, object]:
        """Return what enumeration says of the space, the same under all caps."""
        return truth_of(self.world)

    @cached_property
    def problem(self) -> Problem:
        """What every searcher is given."""
        constraint = Constraint(Measure.CLOUD_SHARE, self.cap)
        questions = len(self.world.table.search)
        return Problem(
            self.world.space, CapRule((constraint,), self.confidence, questions), questions
        )

    @cached_property
    def optimum(self) -> float:
        """The best accuracy on the search half that the bounded cap allows."""
        scores, rule = self.world.search, self.problem.rule
        allowed = scores.exposed <= rule.most_exposed(scores.questions)
        allowed |= self.world.space.choice_rows[:, -1] == 0  # these cannot expose anything
        best = optimum(scores, allowed)
        return 0.0 if best is None else best.accuracy

    @cached_property
    def plain_optimum(self) -> float:
        """The best accuracy on the search half under the cap as it stands."""
        best = optimum(self.world.search, self.world.search.share <= self.cap + _SLACK)
        return 0.0 if best is None else best.accuracy

    def point(self, executions: int, calls: int, chosen: Recommendation | None) -> Point:
        """Judge a recommendation."""
        if chosen is None:
            return judged(self, executions, calls, row=-1, accuracy=0.0)
        row = self.world.row_of[chosen.candidate.key]
        is_kept = self.world.search.share[row] <= self.cap + _SLACK
        accuracy = float(self.world.search.accuracy[row]) if is_kept else 0.0
        return judged(self, executions, calls, row=row, accuracy=accuracy)

    def breaks(self, row: int) -> bool:
        """Say whether a graph breaks the cap on the report half."""
        return row >= 0 and bool(self.world.report.share[row] > self.cap + _SLACK)


@dataclass(frozen=True, slots=True)
class Point:
    """The state of a run after some batch; regrets are shares, not points."""

    executions: int
    calls: int
    regret: float
    """Against the best under the same bounded caps."""
    plain_regret: float
    """Against the best under the caps as they stand."""
    row: int
    """The recommended graph, -1 for none."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run's points, each where the recommendation or its regret changed, and its overhead."""

    method: str
    accounting: Accounting
    seed: int
    points: tuple[Point, ...]
    questions: int
    ask_s: float
    trials: int
    violations: int

    def at(self, amount: float, *, axis: str) -> Point | None:
        """Return the last point within an amount of executions or calls."""
        within = [one for one in self.points if getattr(one, axis) <= amount + _SLACK]
        return within[-1] if within else None

    def first_within(self, regret: float, *, axis: str, budget: float, plain: bool) -> float | None:
        """Return the first amount from which the regret stays within a bound, up to a budget."""
        inside: float | None = None
        for one in self.points:
            if getattr(one, axis) > budget:
                break
            value = one.plain_regret if plain else one.regret
            if value > regret + _SLACK:
                inside = None
            elif inside is None:
                inside = float(getattr(one, axis))
        return inside


def judged(setting: AnySetting, executions: int, calls: int, *, row: int, accuracy: float) -> Point:
    """Return the point of a recommendation; one that breaks a cap counts as accuracy 0."""
    return Point(
        executions,
        calls,
        # Nobody gains by leaning over the bound that all were given.
        max(0.0, setting.optimum - accuracy),
        max(0.0, setting.plain_optimum - accuracy),
        row,
    )


def run_once(
    setting: AnySetting, method: str, *, accounting: Accounting, seed: int, evaluations: int
) -> Run:
    """Run a searcher until it has spent ``evaluations`` times the search half, or asks no more.

    Under accounting B only Agent-REINFORCE sees what cached calls decide; all methods have the
    same cache, so the same calls are free to all.
    """
    evaluator = setting.evaluator()
    virtual = evaluator if accounting == "B" and method.startswith(AGENT_REINFORCE) else None
    search = make_search(method, setting.problem, seed=seed, virtual=virtual)
    budget = evaluations * evaluator.questions
    points: list[Point] = []
    ask_s = 0.0
    while evaluator.accounts.question_executions < budget:
        started = time.perf_counter()
        trials = search.ask(_BATCH)
        ask_s += time.perf_counter() - started
        if not trials:
            break
        for trial in trials:
            outcomes = evaluator.evaluate(trial)
            search.tell(trial, outcomes)
        started = time.perf_counter()
        chosen = search.recommend()
        ask_s += time.perf_counter() - started
        spent = evaluator.accounts
        point = setting.point(spent.question_executions, spent.calls, chosen)
        if not points or point.row != points[-1].row:
            points.append(point)
    return Run(
        method=method,
        accounting=accounting,
        seed=seed,
        points=tuple(points),
        questions=evaluator.questions,
        ask_s=ask_s,
        trials=search.asked,
        violations=evaluator.violations,
    )
