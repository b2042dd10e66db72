"""A run counts only with its answer, its receipt and the models that were asked for."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import date
from typing import cast

import pytest

from optimizer.evaluation.edge_runs import EdgeRuns
from optimizer.evaluation.rules import GraphRules, flops_of_call
from runtime.codec.collaboration import CollaborationCall
from runtime.errors import BackendUnavailable, StreamBroken
from runtime.executor.events import AnswerFinished, Event, Receipt, ReceiptStep, RunFinished
from runtime.flow.model import Form
from runtime.ids import ModelName, NodeName, PlanId, RequestId, SessionId, StepId
from runtime.labels import PUBLIC, Label
from runtime.ports import ChatMessage, FinishReason, Usage
from runtime.rpc.collaboration_client import CollaborationClient
from runtime.testing.plans import CATALOG, CLOUD, EDGE, LLM, POLICY, SLM, graph_of

RULES = GraphRules(POLICY, CATALOG, {PUBLIC: 1.0}, (), date(2026, 1, 1), 4)
CALL = CollaborationCall("any", (ChatMessage("user", "hello"),))
STEP = ReceiptStep(
    step=StepId("final"),
    role="assistant",
    node=CLOUD,
    zone="cloud",
    model=LLM,
    form=Form.RAW,
    label=PUBLIC,
    releases=(),
    usage=Usage(1000, 100),
    first_token_s=0.1,
    latency_s=0.4,
    finish_reason=FinishReason.STOP,
)
RECEIPT = Receipt(
    RequestId("r"),
    SessionId("s"),
    PlanId("p"),
    "any",
    "hash",
    PUBLIC,
    (STEP,),
    (),
    left_the_edge=True,
    latency_s=0.5,
    cost_usd=0.0,
    usage=Usage(1000, 100),
)
ANSWER = AnswerFinished("42", FinishReason.STOP, PUBLIC)


class _Client:
    def __init__(self, *events: Event) -> None:
        self._events = events

    async def run(self, _: CollaborationCall, *, timeout_s: float) -> AsyncGenerator[Event]:
        for event in self._events:
            yield event


def runs(*events: Event) -> EdgeRuns:
    client = cast("CollaborationClient", _Client(*events))
    return EdgeRuns(client, rules=RULES, timeout_s=5)


async def test_what_the_edge_does_not_price_is_priced_by_the_studys_catalog() -> None:
    run = await runs(ANSWER, RunFinished(RECEIPT)).run(CALL)

    assert run.text == "42"
    assert run.cost_usd == pytest.approx((1000 * 1.0 + 100 * 10.0) / 1e6)
    assert (run.tokens, run.calls, run.cloud_calls) == (1100, 1, 1)
    assert run.flops == flops_of_call(CATALOG.model_by_name[LLM], 1000, 100)


async def test_what_the_edge_prices_is_taken_as_it_says() -> None:
    priced = replace(RECEIPT, steps=(replace(STEP, usage=Usage(1000, 100, 0, 0.5)),))

    assert (await runs(ANSWER, RunFinished(priced)).run(CALL)).cost_usd == 0.5


async def test_a_providers_own_name_is_counted_as_the_model_that_was_asked_for() -> None:
    foreign = replace(RECEIPT, steps=(replace(STEP, model=ModelName("gpt-x-2031")),))
    graph = graph_of("final: {role: assistant, model: llm}")

    run = await runs(ANSWER, RunFinished(foreign)).run(CollaborationCall(graph, CALL.messages))

    assert run.cost_usd == pytest.approx((1000 * 1.0 + 100 * 10.0) / 1e6)


async def test_an_unknown_model_costs_what_the_edge_says() -> None:
    foreign = replace(RECEIPT, steps=(replace(STEP, model=ModelName("gpt-x-2031")),))

    run = await runs(ANSWER, RunFinished(foreign)).run(CALL)

    assert (run.cost_usd, run.flops) == (0.0, 0.0)


@pytest.mark.parametrize("events", [(), (ANSWER,), (RunFinished(RECEIPT),)])
async def test_a_run_without_answer_or_receipt_is_none(events: tuple[Event, ...]) -> None:
    with pytest.raises(StreamBroken):
        await runs(*events).run(CALL)


async def test_what_a_stand_in_answered_is_a_failure() -> None:
    fell_back = replace(RECEIPT, steps=(replace(STEP, fell_back_from=NodeName("cloud-1")),))

    with pytest.raises(BackendUnavailable, match="an edge model took over"):
        await runs(ANSWER, RunFinished(fell_back)).run(CALL)


async def test_what_ran_on_the_edge_because_the_cloud_was_away_is_a_failure() -> None:
    graph = graph_of("final: {role: assistant, model: llm}")
    at_home = replace(RECEIPT, steps=(replace(STEP, node=EDGE, zone="edge", model=SLM),))
    private = replace(at_home, label=Label.of("health"))
    call = CollaborationCall(graph, CALL.messages)

    with pytest.raises(BackendUnavailable, match="final: the cloud was away"):
        await runs(ANSWER, RunFinished(at_home)).run(call)
    kept_home = await runs(ANSWER, RunFinished(private)).run(call)

    assert kept_home.text == "42"
