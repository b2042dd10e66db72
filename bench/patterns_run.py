"""Run one arm of the benchmark of patterns on one task, and see what reaches the cloud."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from math import exp
from statistics import fmean
from typing import Final

from bench.patterns_releases import AskedOtherwise, RuleWriter
from bench.patterns_world import Arm, Task
from edge.privacy.sketch import ModelSketcher, Sketcher
from reference.tabulated.checking import answer_of
from reference.tabulated.plans import make_plan
from reference.tabulated.world import catalog_of, label_of
from runtime.errors import CloudAway, GateRefused, LeakFound, LeewardError
from runtime.executor.limits import Limits
from runtime.executor.people import PersonAnswer, PersonQuestion
from runtime.executor.rules import ABSTAINED
from runtime.ids import ModelName, NodeName, RequestId, StepId
from runtime.planner.estimate import critical_path_s
from runtime.ports import Chunk, Completion, GenerateRequest, ModelPort

__all__ = ["Ran", "run_arm"]

_CLOUD: Final = NodeName("cloud")
_EDGE: Final = NodeName("edge")
_NEAR: Final = StepId("near")
_DEADLINE_S: Final = 3_600.0
"""Time is no part of what is asked: on a busy machine a call may wait long for its turn."""
_LIMITS: Final = Limits(
    step_timeout_s=_DEADLINE_S, first_token_timeout_s=_DEADLINE_S, idle_timeout_s=_DEADLINE_S
)


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of one task."""

    right: int
    """Questions answered rightly."""
    of: int
    cost_usd: float = 0.0
    latency_s: float = 0.0
    """Of its calls, each as long as its node took for it alone, along the slowest way."""
    sent: tuple[str, ...] = ()
    """The texts that the cloud's models were sent."""
    spans_out: int = 0
    """Sensitive spans of the request that stood in them, word for word, however often."""
    calls: int = 0
    failure: str = ""
    has_abstained: bool = False
    has_asked: bool = False
    """Whether a person answered."""
    confidence: float | None = None
    """Of the step ``near``, where its model told the log-probabilities of its tokens."""

    @property
    def bytes_out(self) -> int:
        """Of all texts that the cloud's models were sent."""
        return sum(len(text.encode()) for text in self.sent)


@dataclass
class _Watch:
    """What passed through the ports of one run."""

    sent: list[str] = field(default_factory=list)
    latency_s: dict[StepId, float] = field(default_factory=dict)
    """Of each step's slowest call."""
    logprobs: list[float] = field(default_factory=list)
    """Of the step ``near``."""


@dataclass(frozen=True, slots=True)
class _Watched:
    """A port that notes what passes."""

    port: ModelPort
    watch: _Watch
    is_cloud: bool

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        if self.is_cloud:
            self.watch.sent.extend(turn.content for turn in request.messages)
        step = request.provenance.step_id if request.provenance else StepId("")
        async for chunk in self.port.generate(request):
            if isinstance(chunk, Completion):
                slowest_s = self.watch.latency_s
                slowest_s[step] = max(slowest_s.get(step, 0.0), chunk.timings.total_s)
            elif step == _NEAR:
                self.watch.logprobs += [token.logprob for token in chunk.logprobs]
            yield chunk


@dataclass
class _Person:
    """Implements ``PersonPort``: one who knows; how often they are asked is what counts."""

    task: Task
    asked: int = 0

    async def answer(self, question: PersonQuestion) -> PersonAnswer:
        self.asked += 1
        text = "\n".join(f"Answer: {question.answer}" for question in self.task.questions)
        return PersonAnswer(text, "person")


async def run_arm(
    arm: Arm, task: Task, nodes: Mapping[NodeName, ModelPort], pool: tuple[str, ...]
) -> Ran:
    """Plan one request with the real planner and run it with the real executor.

    Args:
        arm: Graph and policy.
        task: What is asked.
        nodes: A port per node.
        pool: The models that the catalog lists.
    """
    asked, catalog = task.asked, catalog_of(pool)
    watch, person = _Watch(), _Person(task)
    watched = {node: _Watched(port, watch, node == _CLOUD) for node, port in nodes.items()}
    try:
        plan = make_plan(
            arm.graph,
            label_of(asked),
            policy=arm.rules,
            catalog=catalog,
            can_sketch=arm.writer is not None,
        )
        text, receipt = await answer_of(
            plan,
            asked,
            watched,
            rules=arm.rules,
            catalog=catalog,
            deadline_s=_DEADLINE_S,
            request_id=RequestId(asked.id),  # so arms that sample the same draw the same
            limits=_LIMITS,
            people=person,
            releases=AskedOtherwise(asked, _writer(arm, watched)),
        )
    except (LeakFound, CloudAway, GateRefused):
        return Ran(0, len(task.questions), failure="refused")
    except LeewardError as error:
        return Ran(0, len(task.questions), failure=type(error).__name__)
    return Ran(
        task.right(text),
        len(task.questions),
        cost_usd=receipt.cost_usd,
        latency_s=critical_path_s(
            plan.graph, {step.id: watch.latency_s.get(step.id, 0.0) for step in plan.graph.steps}
        ),
        sent=tuple(watch.sent),
        spans_out=_spans_in(task, watch.sent),
        calls=sum(step.calls for step in receipt.steps),
        has_abstained=text == ABSTAINED,
        has_asked=person.asked > 0,
        confidence=exp(fmean(watch.logprobs)) if watch.logprobs else None,
    )


def _writer(arm: Arm, nodes: Mapping[NodeName, ModelPort]) -> Sketcher:
    """Return who writes the abstracts of an arm whose policy asks for them."""
    if arm.writer is None or arm.writer == "rule":
        return RuleWriter()
    return ModelSketcher(nodes[_EDGE], ModelName(arm.writer))


def _spans_in(task: Task, sent: list[str]) -> int:
    whole = "\n".join(sent)
    text = task.asked.text
    return sum(whole.count(text[span.start : span.end]) for span in task.asked.spans)
