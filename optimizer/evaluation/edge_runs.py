"""One run on an edge, from the call to answer and receipt, and what a receipt's steps come to."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from optimizer.evaluation.rules import GraphRules, flops_of_call
from runtime.catalog.model import Model
from runtime.codec.collaboration import CollaborationCall
from runtime.errors import (
    BackendUnavailable,
    GateRefused,
    LeakFound,
    PolicyViolation,
    StreamBroken,
)
from runtime.executor.events import AnswerFinished, Receipt, ReceiptStep, RunFinished
from runtime.graph.model import Graph
from runtime.planner.model import Plan
from runtime.rpc.collaboration_client import CollaborationClient

__all__ = ["REFUSALS", "EdgeRun", "EdgeRuns", "Runs"]

REFUSALS = (GateRefused, LeakFound, PolicyViolation)
"""The edge will not run this graph for this question, however often it is asked."""


@dataclass(frozen=True, slots=True)
class EdgeRun:
    """A finished run."""

    text: str
    receipt: Receipt
    cost_usd: float
    flops: float

    @property
    def tokens(self) -> int:
        """Prompt and answer tokens of all steps."""
        return self.receipt.usage.prompt_tokens + self.receipt.usage.completion_tokens

    @property
    def calls(self) -> int:
        """Model calls of all steps."""
        return sum(step.calls for step in self.receipt.steps)

    @property
    def cloud_calls(self) -> int:
        """Model calls that left the edge."""
        return sum(step.calls for step in self.receipt.steps if step.zone == "cloud")

    @property
    def egress_bytes(self) -> float:
        """What left the edge, as its ledger counts it."""
        return float(sum(step.left_bytes for step in self.receipt.steps))


class Runs(Protocol):
    """Plans and runs graphs; an edge, or a double of one."""

    async def plan(self, call: CollaborationCall) -> Plan:
        """Return what :meth:`run` would do; free."""

    async def run(self, call: CollaborationCall) -> EdgeRun:
        """Run a graph to its receipt."""


class EdgeRuns:
    """Runs and plans on one edge.

    Args:
        client: The edge.
        rules: Prices and sizes, where the edge does not say.
        timeout_s: Deadline of each run, seconds.
    """

    def __init__(self, client: CollaborationClient, *, rules: GraphRules, timeout_s: float) -> None:
        self._client = client
        self._rules = rules
        self._timeout_s = timeout_s

    async def plan(self, call: CollaborationCall) -> Plan:
        """Return what the edge would do; free.

        Raises:
            LeewardError: Whatever the edge reported.
        """
        return await self._client.plan(call, timeout_s=self._timeout_s)

    async def run(self, call: CollaborationCall) -> EdgeRun:
        """Run a graph to its receipt.

        Raises:
            BackendUnavailable: The cloud was away, and an edge model stood in.
            LeewardError: Whatever the edge reported.
        """
        text: str | None = None
        events = self._client.run(call, timeout_s=self._timeout_s)
        async with aclosing(events):
            async for event in events:
                if isinstance(event, AnswerFinished):
                    text = event.text
                elif isinstance(event, RunFinished) and text is not None:
                    self._check_places(call.graph, event.receipt)
                    return self._finished(text, call.graph, event.receipt)
        raise StreamBroken("the run ended without an answer and its receipt")

    def _check_places(self, graph: str | Graph | None, receipt: Receipt) -> None:
        """Refuse a run in which an edge model stood in for a cloud that was away.

        What it wrote says nothing of the graph that was asked for; what the policy keeps on the
        edge does.
        """
        away = {step.step for step in receipt.steps if step.fell_back_from is not None}
        if isinstance(graph, Graph):
            planned = self._rules.plan(graph, receipt.label).by_step
            away |= {
                step.step
                for step in receipt.steps
                if planned[step.step].zone == "cloud" and step.zone == "edge"
            }
        if away:
            names = ", ".join(sorted(away))
            raise BackendUnavailable(f"{names}: the cloud was away, an edge model took over")

    def _finished(self, text: str, graph: str | Graph | None, receipt: Receipt) -> EdgeRun:
        models = [(step, self._model_of(step, graph)) for step in receipt.steps]
        return EdgeRun(
            text,
            receipt,
            cost_usd=sum(self._usd(step, model) for step, model in models),
            flops=sum(_flops(step, model) for step, model in models),
        )

    def _model_of(self, step: ReceiptStep, graph: str | Graph | None) -> Model | None:
        """Return who played a step; a provider may call the model otherwise than the catalog."""
        known = self._rules.catalog.model_by_name.get(step.model)
        if known is None and isinstance(graph, Graph):
            asked = graph.by_id[step.step].model
            known = self._rules.catalog.model_by_name.get(asked) if asked else None
        return known

    def _usd(self, step: ReceiptStep, model: Model | None) -> float:
        """Return a step's cost: as the edge says, else from the study's own catalog."""
        if step.usage.cost_usd or model is None:
            return step.usage.cost_usd
        return model.cost_usd(
            self._rules.today,
            prompt_tokens=step.usage.prompt_tokens,
            completion_tokens=step.usage.completion_tokens,
        )


def _flops(step: ReceiptStep, model: Model | None) -> float:
    if model is None or not step.calls:
        return 0.0
    # Usage is the sum over a step's calls; attention is quadratic in each of them.
    prompt, written = step.usage.prompt_tokens, step.usage.completion_tokens
    return step.calls * flops_of_call(
        model, round(prompt / step.calls), round(written / step.calls)
    )
