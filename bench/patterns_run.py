"""Run one arm of the benchmark of patterns on one task, and see what reaches the cloud."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from bench.patterns_world import Arm, Task
from reference.tabulated.plans import make_plan
from reference.tabulated.releases import KnownSpans
from reference.tabulated.world import catalog_of, label_of
from runtime.clock import SystemClock
from runtime.errors import CloudAway, LeakFound, LeewardError
from runtime.executor.events import AnswerFinished, RunFinished
from runtime.executor.executor import Executor
from runtime.executor.rules import ABSTAINED
from runtime.ids import NodeName, RequestId, SessionId
from runtime.ports import ChatMessage, Chunk, GenerateRequest, ModelPort

__all__ = ["Ran", "run_arm"]

_CLOUD: Final = NodeName("cloud")
_DEADLINE_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of one task."""

    right: int
    """Questions answered rightly."""
    of: int
    cost_usd: float = 0.0
    latency_s: float = 0.0
    bytes_out: int = 0
    """Of the texts that the cloud's models were sent."""
    spans_out: int = 0
    """Sensitive spans of the request that stood in them, word for word."""
    calls: int = 0
    failure: str = ""
    has_abstained: bool = False


@dataclass
class _Watched:
    """A port to the cloud that remembers what passes."""

    port: ModelPort
    texts: list[str] = field(default_factory=list)

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        self.texts.extend(turn.content for turn in request.messages)
        async for chunk in self.port.generate(request):
            yield chunk


async def run_arm(
    arm: Arm, task: Task, nodes: Mapping[NodeName, ModelPort], pool: tuple[str, ...]
) -> Ran:
    """Plan one request with the real planner and run it with the real executor.

    Args:
        arm: Graph and policy.
        task: What is asked.
        nodes: The ports of the running nodes.
        pool: The models that the catalog lists.
    """
    asked, catalog = task.asked, catalog_of(pool)
    watched = _Watched(nodes[_CLOUD])
    executor = Executor(
        {**nodes, _CLOUD: watched},
        KnownSpans(asked),
        policy=arm.rules,
        catalog=catalog,
        clock=SystemClock(),
        rng=random.Random(0),  # noqa: S311 - jitter of retries
    )
    text, receipt = "", None
    try:
        plan = make_plan(arm.graph, label_of(asked), policy=arm.rules, catalog=catalog)
        running = executor.run(
            plan,
            (ChatMessage("user", asked.text),),
            request_id=RequestId(f"{arm.name}/{asked.id}"),
            session_id=SessionId(asked.id),
            deadline_s=_DEADLINE_S,
        )
        async with aclosing(running) as events:
            async for event in events:
                if isinstance(event, AnswerFinished):
                    text = event.text
                elif isinstance(event, RunFinished):
                    receipt = event.receipt
    except (LeakFound, CloudAway):
        return Ran(0, len(task.questions), failure="refused")
    except LeewardError as error:
        return Ran(0, len(task.questions), failure=type(error).__name__)
    assert receipt is not None  # noqa: S101 - every run that does not raise ends with its receipt
    return Ran(
        task.right(text),
        len(task.questions),
        cost_usd=receipt.cost_usd,
        latency_s=receipt.latency_s,
        bytes_out=sum(len(sent.encode()) for sent in watched.texts),
        spans_out=_spans_in(task, watched.texts),
        calls=sum(step.calls for step in receipt.steps),
        has_abstained=text == ABSTAINED,
    )


def _spans_in(task: Task, sent: list[str]) -> int:
    whole = "\n".join(sent)
    text = task.asked.text
    return sum(whole.count(text[span.start : span.end]) for span in task.asked.spans)
