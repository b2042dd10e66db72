"""Doubles of the search's seams: a searcher that draws, an evaluator that looks up, an edge.

They keep the seams' promises (repeatable proposals, worst cases that are never exceeded) and can
be slow, out of order and failing on purpose; they know no real model and no file.
"""

from __future__ import annotations

import asyncio
import random
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from optimizer.evaluation.edge_runs import EdgeRun
from optimizer.evaluation.model import Answered, Evaluated, Source, Spend, full_spend
from optimizer.search.model import (
    Candidate,
    CandidateKey,
    Outcomes,
    Recommendation,
    Trial,
)
from runtime.codec.collaboration import CollaborationCall
from runtime.errors import LeewardError, NotFound
from runtime.executor.events import Receipt, ReceiptStep
from runtime.executor.prompts import compose
from runtime.flow.model import Form
from runtime.graph.hash import graph_hash
from runtime.graph.model import Graph
from runtime.ids import ModelName, PlanId, RequestId, SessionId
from runtime.labels import PUBLIC, Label
from runtime.planner.model import Plan
from runtime.ports import FinishReason, Usage
from runtime.testing.plans import CATALOG, plan_of

__all__ = [
    "ENVELOPE_BYTES",
    "DrawingSearcher",
    "ScriptedEdge",
    "TableEvaluator",
    "candidates_of",
    "label_of_anna",
]

ENVELOPE_BYTES = 100
"""What a scripted edge counts beside the text of a call that leaves."""


def candidates_of(count: int) -> tuple[Candidate, ...]:
    """Return that many different candidates of one decision."""
    return tuple(Candidate(CandidateKey(f"graph-{number}"), (number,)) for number in range(count))


class DrawingSearcher:
    """Draws candidates at random and recommends the best mean it was told of.

    Args:
        candidates: What to draw from.
        questions: How many there are.
        per_trial: How many each trial asks, drawn too.
        seed: Of the draws.
    """

    def __init__(
        self, candidates: Sequence[Candidate], *, questions: int, per_trial: int, seed: int
    ) -> None:
        self._candidates = candidates
        self._questions = questions
        self._per_trial = per_trial
        self._random = random.Random(seed)  # noqa: S311 - a test's draws
        self._asked = 0
        self.told: dict[int, tuple[Candidate, Outcomes]] = {}

    def ask(self, count: int = 1) -> Sequence[Trial]:
        return [self._trial() for _ in range(count)]

    def tell(self, trial: Trial, outcomes: Outcomes) -> None:
        self.told[trial.number] = (trial.candidate, outcomes)

    def recommend(self) -> Recommendation | None:
        means = [
            (float(outcomes.right.mean()), -number, candidate, len(outcomes.right))
            for number, (candidate, outcomes) in sorted(self.told.items())
            if len(outcomes.right)
        ]
        if not means:
            return None
        accuracy, _, candidate, count = max(means, key=lambda one: one[:2])
        return Recommendation(candidate, accuracy, (accuracy, accuracy), count)

    def state(self) -> Mapping[str, object]:
        return {"told": len(self.told) // 4}

    def _trial(self) -> Trial:
        # What was told moves the draws, as in any real search.
        shift = sum(int(o.right.sum()) for _, o in self.told.values())
        place = (self._random.randrange(len(self._candidates)) + shift) % len(self._candidates)
        questions = tuple(self._random.sample(range(self._questions), self._per_trial))
        trial = Trial(self._asked, self._candidates[place], questions)
        self._asked += 1
        return trial


@dataclass
class TableEvaluator:
    """Answers from a hash of graph and question; takes turns in a shuffled order.

    ``calls`` counts how often each pair was really run.
    """

    questions: int
    most_usd: float = 1.0
    shuffle_seed: int = 0
    failures: dict[tuple[str, int], list[LeewardError]] = field(default_factory=dict)
    """Raised in turn before a pair is answered."""
    calls: dict[tuple[str, int], int] = field(default_factory=dict)
    running: int = 0
    most_running: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.shuffle_seed)  # noqa: S311 - a test's draws

    def prepare(self, trial: Trial) -> None:
        """Nothing to prepare."""

    def worst_case(self, candidate: Candidate, question: int) -> Spend:
        """Return a bound that real executions keep."""
        return Spend(self.most_usd, 100, 4, 1, 1000.0, frozenset({question}))

    def remember(self, evaluated: Evaluated) -> None:
        """Nothing is shared between graphs."""

    def booked(self, evaluated: Evaluated) -> Evaluated:
        """Nothing is shared between executions."""
        return evaluated

    async def evaluate(self, candidate: Candidate, question: int) -> Evaluated:
        """Wait some turns, then answer or fail."""
        pair = (str(candidate.key), question)
        self.calls[pair] = self.calls.get(pair, 0) + 1
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            for _ in range(self._random.randrange(6)):
                await asyncio.sleep(0)
        finally:
            self.running -= 1
        waiting = self.failures.get(pair)
        if waiting:
            raise waiting.pop(0)
        answered = self.answer(candidate, question)
        return Evaluated(question, answered, Source.FRESH, full_spend(question, answered))

    def answer(self, candidate: Candidate, question: int) -> Answered:
        """Return what is right, the same each time."""
        drawn = zlib.crc32(f"{candidate.key}/{question}".encode())
        share = (drawn % 97) / 96
        return Answered(
            right=float(drawn % 3 > 0),
            exposed=drawn % 5 == 0,
            cost_usd=self.most_usd * share,
            flops=1000.0 * share,
            latency_s=0.1 + share,
            tokens=drawn % 101,
            calls=1 + drawn % 4,
            cloud_calls=drawn % 2,
            call_ids=(drawn % 1009,),
        )


def label_of_anna(text: str) -> Label:
    """Find a person where there is one."""
    return Label.of("person") if "Anna" in text else PUBLIC


@dataclass
class ScriptedEdge:
    """Runs graphs as the executor would, on models that answer with the size of their prompt.

    Its models are those of ``runtime.testing.plans``.
    """

    finds: Callable[[str], Label] = label_of_anna
    fails: list[LeewardError] = field(default_factory=list)
    """Raised by the next runs, in turn."""
    runs: list[Graph] = field(default_factory=list)
    turns: Callable[[], int] = lambda: 1
    """How many turns of the event loop the next run takes."""
    usd_per_call: float = 0.001
    """Price of a cloud call."""
    usd_per_character: float = 0.0
    """And of what it reads."""

    async def plan(self, call: CollaborationCall) -> Plan:
        """Say what the edge finds."""
        assert isinstance(call.graph, Graph)  # noqa: S101 - live evaluators send graphs
        for step in call.graph.steps:
            if step.model not in CATALOG.model_by_name:
                raise NotFound(f"no model {step.model}")
        label = self.finds(call.messages[-1].content).join(call.declared_label)
        return plan_of(call.graph, label=label)

    async def run(self, call: CollaborationCall) -> EdgeRun:
        """Run a graph to its receipt."""
        for _ in range(self.turns()):
            await asyncio.sleep(0)
        graph = call.graph
        assert isinstance(graph, Graph)  # noqa: S101 - live evaluators send graphs
        self.runs.append(graph)
        if self.fails:
            raise self.fails.pop(0)
        texts: dict[str, str] = {}
        steps = []
        for step in graph.topological:
            answers = [texts[edge.source] for edge in graph.incoming[step.id]]
            chat = compose(step.role, call.messages, answers)
            size = sum(len(turn.content) for turn in chat) + (step.sampling.seed or 0)
            texts[step.id] = f"{step.model} says {size}. Answer: 42"
            steps.append(self._line(step.id, str(step.model), size))
        label = (await self.plan(call)).label
        cost = sum(step.usage.cost_usd for step in steps)
        usage = Usage(sum(step.usage.prompt_tokens for step in steps), len(steps), 0, cost)
        receipt = Receipt(
            RequestId("r"),
            SessionId("s"),
            PlanId("p"),
            graph.name,
            graph_hash(graph),
            label,
            tuple(steps),
            (),
            any(step.zone == "cloud" for step in steps),
            0.5 * len(steps),
            cost,
            usage,
        )
        return EdgeRun(texts[graph.sink.id], receipt, cost_usd=cost, flops=float(len(steps)))

    def _line(self, step: str, model: str, size: int) -> ReceiptStep:
        known = CATALOG.model_by_name[ModelName(model)]
        node = CATALOG.node_of(known)
        price = self.usd_per_call + size * self.usd_per_character
        cost = price if node.zone == "cloud" else 0.0
        return ReceiptStep(
            step=step,  # type: ignore[arg-type]
            role="assistant",
            node=node.name,
            zone=node.zone,
            model=known.name,
            form=Form.RAW,
            label=PUBLIC,
            releases=(),
            usage=Usage(size, 1, 0, cost),
            first_token_s=0.1,
            latency_s=0.5,
            finish_reason=FinishReason.STOP,
            left_bytes=size + ENVELOPE_BYTES if node.zone == "cloud" else 0,
        )
