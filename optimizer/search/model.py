"""The words of a search: decisions, candidates, trials, outcomes, and who plays which part.

A *space* turns decisions (edges, roles, models, thresholds) into graphs. An *evaluator* runs a
graph on questions. A *searcher* asks for trials and is told their outcomes; it never runs
anything itself, so the same one serves replay, live runs and any scheduler.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NewType, Protocol

import numpy as np
import numpy.typing as npt

from runtime.graph.model import Graph

__all__ = [
    "Candidate",
    "CandidateKey",
    "Constraint",
    "Decision",
    "DecisionKind",
    "Evaluator",
    "Measure",
    "Outcomes",
    "Recommendation",
    "Searcher",
    "Space",
    "Trial",
]

CandidateKey = NewType("CandidateKey", str)
"""Canonical text of a graph: isomorphic graphs share it."""


class DecisionKind(Enum):
    """What a decision is about; the search treats each kind by its own insight."""

    EDGE = "edge"
    ROLE = "role"
    MODEL = "model"
    THRESHOLD = "threshold"


@dataclass(frozen=True, slots=True)
class Decision:
    """One choice among options; an edge has the options ``absent`` and ``present``."""

    name: str
    kind: DecisionKind
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One graph of a space: an option's index for every decision, and the canonical key."""

    key: CandidateKey
    choices: tuple[int, ...]


class Measure(Enum):
    """What can be capped, per question and then averaged (latency: the 95th percentile)."""

    CLOUD_SHARE = "cloud_share"
    COST_USD = "cost_usd"
    FLOPS = "flops"
    LATENCY_P95_S = "latency_p95_s"
    EGRESS_BYTES = "egress_bytes"
    """Content that leaves the edge; a call that leaves twice counts twice."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """A cap: the measure, over new questions too, may be at most ``limit``."""

    measure: Measure
    limit: float


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What one graph did on some questions; every array has one entry per question.

    ``calls`` holds, per question, the ids of the model calls that the answer rests on: a call that
    was paid for once is free in every other graph that contains it.
    """

    questions: npt.NDArray[np.int64]
    right: npt.NDArray[np.float64]
    exposed: npt.NDArray[np.bool_]
    cost_usd: npt.NDArray[np.float64]
    flops: npt.NDArray[np.float64]
    latency_s: npt.NDArray[np.float64]
    calls: tuple[tuple[int, ...], ...] = ()
    egress_bytes: npt.NDArray[np.float64] | None = None
    """``None`` where it is not known of every question."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One graph to be run on some questions."""

    number: int
    candidate: Candidate
    questions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A searcher's own choice, with what it believes of it."""

    candidate: Candidate
    accuracy: float
    interval: tuple[float, float]
    questions: int
    """How many it was measured on."""


class Space(Protocol):
    """Graphs that can be searched."""

    @property
    def name(self) -> str:
        """What reports call it."""

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """Everything that is to be decided, in a fixed order."""

    def refusal(self, choices: Sequence[int]) -> str | None:
        """Say in one sentence why these choices make no allowed graph, or ``None``."""

    def candidate(self, choices: Sequence[int]) -> Candidate:
        """Bring allowed choices into their canonical form."""

    def candidates(self) -> Sequence[Candidate] | None:
        """List every allowed graph, or ``None`` where there are too many."""

    def graph(self, candidate: Candidate) -> Graph:
        """Write a candidate as the document that the runtime executes."""


class Evaluator(Protocol):
    """Runs graphs on questions, live or from a record."""

    @property
    def questions(self) -> int:
        """How many questions there are to search on."""

    def evaluate(self, trial: Trial) -> Outcomes:
        """Run a trial; outcomes come in the order of its questions."""


class Searcher(Protocol):
    """Proposes trials and learns from them.

    ``tell`` may come in any order and twice for the same trial; the state afterwards is the same.
    """

    def ask(self, count: int = 1) -> Sequence[Trial]:
        """Propose up to ``count`` trials; none when the search has nothing left to ask."""

    def tell(self, trial: Trial, outcomes: Outcomes) -> None:
        """Take the outcomes of a trial."""

    def recommend(self) -> Recommendation | None:
        """Return the graph to deploy, ``None`` while none is known to keep the constraints."""

    def state(self) -> Mapping[str, object]:
        """Return what reports show of the inner state, such as probabilities by decision."""
