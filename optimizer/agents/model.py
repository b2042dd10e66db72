"""What Agent-REINFORCE asks an agent, and what it gets back, as plain frozen data.

A brief holds statistics of a search and names of its space; there is no field that a question or
an answer would fit into. Replies are the agent's own, already checked against the brief.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from optimizer.search.model import Constraint, Decision, DecisionKind, Measure
from runtime.policy.model import Zone

__all__ = [
    "Agent",
    "Aim",
    "AsyncAgent",
    "Estimate",
    "FailureKind",
    "Ground",
    "InitBrief",
    "InitReply",
    "MixResult",
    "PoolModel",
    "ProbabilityChange",
    "RevisionBrief",
    "RevisionReply",
    "Scored",
    "Shape",
    "edge_present",
]


class Aim(Enum):
    """What a search heeds beside accuracy; each aim adds its own insights to a brief."""

    LATENCY = "latency"
    COST = "cost"
    PRIVACY = "privacy"


class FailureKind(Enum):
    """Why an agent gave no usable reply."""

    REJECTED = "rejected"
    """It answered, and nothing it answered could be used."""
    CAP_REACHED = "cap_reached"
    """The next call could have overshot a cap on tokens, calls or money, so it was not made."""
    RATE_LIMITED = "rate_limited"
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    BROKEN_OFF = "broken_off"
    """The stream ended or was cut without its finish reason, or made no sense."""
    TOO_LARGE = "too_large"
    """It went on beyond the size agreed, so we hung up."""
    REFUSED = "refused"
    """The endpoint does not take our requests (key, model name, parameters)."""
    SCHEMA_REFUSED = "schema_refused"
    """The endpoint does not take a JSON schema, or fails on one; the same is asked without."""
    LOST = "lost"
    """We stopped while the call was under way: it may have been billed."""
    GIVEN_UP = "given_up"
    """It gave no usable reply several times in a row, so it is not asked any more."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured mean (or, of latency, 95th percentile) with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Shape:
    """How a graph looks: the width and depth that insights 2 and 3 are about."""

    steps: int
    width: int
    """Most steps at one distance from the requests."""
    depth: int
    """Steps on the longest path."""
    in_degree: int
    """Most messages into one step."""


@dataclass(frozen=True, slots=True)
class Scored:
    """One graph and what was measured of it: an option's index per decision, and statistics."""

    choices: tuple[int, ...]
    questions: int
    accuracy: Estimate
    measures: tuple[tuple[Measure, Estimate], ...] = ()
    shape: Shape | None = None

    def measure(self, wanted: Measure) -> Estimate | None:
        """Return what was measured, ``None`` when it was not."""
        return next((found for measure, found in self.measures if measure is wanted), None)

    def broken_caps(self, caps: Sequence[Constraint]) -> tuple[Constraint, ...]:
        """Return the caps that the measured value exceeds."""
        return tuple(
            cap
            for cap in caps
            if (found := self.measure(cap.measure)) is not None and found.value > cap.limit
        )


@dataclass(frozen=True, slots=True)
class PoolModel:
    """A model that steps may use, and how it does alone with the whole budget (insight 1)."""

    name: str
    unit_cost: float
    """Calls of the smallest model that one call of this one costs as much as."""
    zone: Zone | None = None
    alone: Estimate | None = None
    """Accuracy of as many of its copies as the budget buys; ``None`` when not measured."""


@dataclass(frozen=True, slots=True)
class MixResult:
    """How one model-count vector did at the same budget."""

    counts: tuple[int, ...]
    """Copies per model of the pool."""
    accuracy: Estimate


@dataclass(frozen=True, slots=True)
class Ground:
    """What both briefs rest on: the space, what the flow check forbids in it, pool and caps."""

    decisions: tuple[Decision, ...]
    pool: tuple[PoolModel, ...] = ()
    caps: tuple[Constraint, ...] = ()
    forbidden: frozenset[tuple[int, int]] = frozenset()
    """Pairs of decision and option that must not be chosen: by the flow check, or because the
    paper keeps them fixed (the sink's role and model)."""
    task: str = "task"
    """A short name; shown only when it is one word."""

    @property
    def aims(self) -> frozenset[Aim]:
        """What the brief's caps and prohibitions ask for beside accuracy."""
        by_measure = {
            Measure.LATENCY_P95_S: Aim.LATENCY,
            Measure.COST_USD: Aim.COST,
            Measure.FLOPS: Aim.COST,
            Measure.CLOUD_SHARE: Aim.PRIVACY,
            Measure.EGRESS_BYTES: Aim.PRIVACY,
        }
        aims = {by_measure[cap.measure] for cap in self.caps}
        return frozenset(aims | ({Aim.PRIVACY} if self.forbidden else set()))

    def allowed(self, decision: int) -> tuple[int, ...]:
        """Return the options of a decision that are not forbidden."""
        options = range(len(self.decisions[decision].options))
        return tuple(option for option in options if (decision, option) not in self.forbidden)


@dataclass(frozen=True, slots=True)
class InitBrief:
    """Insight 1: which model-count vectors should be tried, given what models do alone."""

    ground: Ground
    vectors: tuple[tuple[int, ...], ...]
    """Vectors that spend the budget as fully as possible: copies per model of the pool."""
    mixes: tuple[MixResult, ...] = ()
    picks: int = 2
    """How many of the vectors to pick, at most as many as there are."""


@dataclass(frozen=True, slots=True)
class RevisionBrief:
    """Insights 2 and 3: what the last graph did, and where the probabilities stand."""

    ground: Ground
    last: Scored
    table: tuple[tuple[float, ...], ...]
    """Probability per decision and option."""
    best: Scored | None = None
    """The best graph so far that keeps the caps."""
    history: tuple[Scored, ...] = ()
    """Graphs before ``last``, the most recent last."""
    counts: tuple[int, ...] | None = None
    """How many steps before the sink must use each model of the pool; where latency counts, how
    many may. ``None`` fixes nothing."""
    writes_graph: bool = True
    """Whether the agent writes the next graph; without, it is drawn from the probabilities."""


@dataclass(frozen=True, slots=True)
class ProbabilityChange:
    """A new probability for one option of one decision; the caller brings the rest to sum 1."""

    decision: int
    option: int
    probability: float
    reason: str = ""
    """One sentence; the LLM agent gives one for the whole reply instead."""


@dataclass(frozen=True, slots=True)
class InitReply:
    """The vectors to try, as positions in the brief's list, the most promising first."""

    picks: tuple[int, ...]
    reason: str
    author: str
    """Who replied: ``rule``, or ``llm:`` and the model's name."""
    fell_back: FailureKind | None = None
    """Why the author is not the agent that was asked first."""


@dataclass(frozen=True, slots=True)
class RevisionReply:
    """The next graph, and new probabilities."""

    choices: tuple[int, ...]
    """As the agent wrote them; ``Space.candidate`` gives the canonical form."""
    changes: tuple[ProbabilityChange, ...]
    reason: str
    author: str
    fell_back: FailureKind | None = None


class Agent(Protocol):
    """What Agent-REINFORCE calls. Raises ``AgentFailed`` when no usable reply can be had."""

    @property
    def name(self) -> str:
        """What records and reports call it: ``rule``, or ``llm:`` and the model."""

    def initialise(self, brief: InitBrief) -> InitReply:
        """Pick model-count vectors to try."""

    def revise(self, brief: RevisionBrief) -> RevisionReply:
        """Propose the next graph and new probabilities."""


class AsyncAgent(Protocol):
    """The same for an agent that waits for a network; ``BlockingAgent`` makes it an ``Agent``."""

    @property
    def name(self) -> str:
        """What records and reports call it."""

    async def initialise(self, brief: InitBrief) -> InitReply:
        """Pick model-count vectors to try."""

    async def revise(self, brief: RevisionBrief) -> RevisionReply:
        """Propose the next graph and new probabilities."""

    async def close(self) -> None:
        """Give back connections and files."""


def edge_present(decision: Decision) -> int | None:
    """Return the index of an edge's option ``present``; ``None`` for any other decision."""
    if decision.kind is not DecisionKind.EDGE:
        return None
    return decision.options.index("present")
