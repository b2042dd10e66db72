"""A study as immutable data: what is searched, what it may cost, what must hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from optimizer.evaluation.graph_shapes import SpaceLimits
from optimizer.evaluation.tasks import Task
from optimizer.judging.model import JudgeSettings
from optimizer.replay.graph_table import GraphTable
from optimizer.scoring.sandbox.cell import SandboxLimits
from optimizer.search.model import Constraint
from optimizer.study.agent_choice import ADVISED, LLMChoice
from runtime.catalog.model import Catalog
from runtime.labels import Label
from runtime.policy.model import Policy

__all__ = [
    "ACCURACY",
    "Caps",
    "LiveSource",
    "Objective",
    "ReplaySource",
    "SearcherChoice",
    "Study",
    "TableSource",
]

Objective = Literal["accuracy", "latency_p95_s", "cost_usd", "cloud_share", "flops", "egress_bytes"]
ACCURACY: Objective = "accuracy"


@dataclass(frozen=True, slots=True)
class Caps:
    """What the search may spend in all; ``None`` is no cap of that kind."""

    usd: float | None = None
    tokens: int | None = None
    calls: int | None = None
    executions: int | None = None
    exposed_questions: int | None = None
    flops: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class LiveSource:
    """Outcomes come from an edge that runs, or that the study starts."""

    tasks: tuple[Task, ...]
    catalog: Catalog
    policy: Policy
    policy_hash: str
    limits: SpaceLimits
    edge: str
    """Address of a running edge, or empty."""
    edge_config: Path | None
    """Configuration of an edge to start, where no address is given."""
    timeout_s: float
    retries: int
    revisions: dict[str, str]
    patterns: tuple[str, ...] = ()
    """Shipped patterns that may be chosen beside the composed graphs."""
    sandbox: SandboxLimits | None = None
    """Bounds of the sandbox, where the study allows code to be run."""
    judge: JudgeSettings | None = None
    """Who judges answers, where the study has a judge."""

    @property
    def label_shares(self) -> dict[Label, float]:
        """Every label that a task declares, with its share of the tasks, in a stable order."""
        counts = Counter(task.label for task in self.tasks)
        ordered = sorted(counts, key=Label.names)
        return {label: counts[label] / len(self.tasks) for label in ordered}


@dataclass(frozen=True, slots=True)
class ReplaySource:
    """Outcomes come from a record."""

    matrix: Path
    space: Path


@dataclass(frozen=True, slots=True)
class TableSource:
    """Outcomes come from a table of graphs, searched on its search half."""

    table: GraphTable


@dataclass(frozen=True, slots=True)
class SearcherChoice:
    """Which searcher, with which options."""

    name: str
    options: dict[str, bool | int | float | str]
    agent: LLMChoice | None = None
    """The LLM that proposes; ``None`` for the built-in rule agent, and where no agent has a say."""

    @property
    def title(self) -> str:
        """What people are told: the searcher and, where one has a say, its agent."""
        if self.agent is not None:
            return f"{self.name}, LLM agent {self.agent.settings.model}"
        return f"{self.name}, built-in rule agent" if self.name in ADVISED else self.name


@dataclass(frozen=True, slots=True)
class Study:
    """One search."""

    name: str
    file: Path
    hash: str
    """Of everything that the outcomes and proposals depend on: not caps, not workers."""
    outcomes_hash: str
    """Of everything that outcomes alone depend on; studies that share it share outcomes."""
    source: LiveSource | ReplaySource | TableSource
    caps: Caps
    constraints: tuple[Constraint, ...]
    confidence: float
    objectives: tuple[Objective, ...]
    searcher: SearcherChoice
    trials: int
    batch: int
    seed: int
    workers: int
    warm_start: Path | None
    virtual: int = 0
    """Most graphs per batch that are scored from the calls of others; 0 for none."""

    @property
    def directory(self) -> Path:
        """Where journal and cache are kept by default."""
        return self.file.with_suffix(".study")
