"""A judge that is a model of the edge, asked through the edge: nothing leaves for a verdict."""

from __future__ import annotations

import json

from optimizer.agents.spend import prompt_token_bound
from optimizer.evaluation.edge_runs import REFUSALS, Runs
from optimizer.evaluation.model import NOTHING, Spend
from optimizer.evaluation.rules import GraphRules
from optimizer.judging.cost import for_judging, worst_of_retry
from optimizer.judging.model import JudgeFailure, JudgeReply, JudgeSettings
from optimizer.judging.prompt import verdict_schema
from runtime.codec.collaboration import CollaborationCall
from runtime.errors import CapacityExhausted, LeewardError, StudyInvalid
from runtime.graph.model import Graph, Step
from runtime.graph.roles import Role
from runtime.ids import ModelName, StepId
from runtime.labels import Label
from runtime.ports import ChatMessage, FinishReason, Sampling

__all__ = ["EdgeJudge"]


class EdgeJudge:
    """One model of the edge as a ``JudgePort``.

    Args:
        runs: The edge.
        settings: Model and bounds.
        rules: What a call can cost, should it fail without saying so.
    """

    def __init__(self, runs: Runs, settings: JudgeSettings, *, rules: GraphRules) -> None:
        self._runs = runs
        self._settings = settings
        self._rules = rules
        schema = json.dumps(verdict_schema(settings)) if settings.structured_output else ""
        sampling = Sampling(max_tokens=settings.max_tokens, json_schema=schema)
        step = Step(StepId("judge"), Role.ASSISTANT, ModelName(settings.model), sampling=sampling)
        self._graph = Graph("judge", (step,), ())

    async def ask(self, messages: tuple[ChatMessage, ...], *, label: Label) -> JudgeReply:
        """Return the reply.

        Raises:
            JudgeFailure: The edge refuses the run.
            StudyInvalid: The model played outside the edge; it must not again.
        """
        call = CollaborationCall(self._graph, messages, declared_label=label)
        try:
            run = await self._runs.run(call)
        except REFUSALS:
            raise JudgeFailure("refused", spend=NOTHING, retry_after_s=None) from None
        except CapacityExhausted as full:
            raise JudgeFailure("busy", spend=NOTHING, retry_after_s=full.retry_after_s) from None
        except LeewardError as error:
            prompt = prompt_token_bound(messages, schema_bytes=0)
            spend = worst_of_retry(prompt, self._settings, self._rules)
            wait_s = 1.0 if error.retryable else None
            kind = type(error).__name__
            raise JudgeFailure(kind, spend=spend, retry_after_s=wait_s) from None
        if run.receipt.left_the_edge:
            raise StudyInvalid("is not a model of the edge", field="scoring.judge.model")
        spend = Spend(usd=run.cost_usd, tokens=run.tokens, calls=run.calls, flops=run.flops)
        is_whole = all(step.finish_reason is FinishReason.STOP for step in run.receipt.steps)
        return JudgeReply(run.text, is_whole=is_whole, spend=for_judging(spend))

    async def close(self) -> None:
        """The edge's connection belongs to the study."""
