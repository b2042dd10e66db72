"""Drafts checked by a real server: llama.cpp's packaged one, with a model that it really runs."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio
from opentelemetry.trace import NoOpTracer
from prometheus_client import CollectorRegistry

from cloud.admission.prices import Prices
from cloud.charges import Tally
from cloud.routing.metrics import UPSTREAM_ROWS, UpstreamMetrics
from cloud.routing.router import Router
from cloud.routing.settings import RoutingSettings
from cloud.upstreams.model import Capabilities, Route, Target, UpstreamSpec
from cloud.upstreams.openai_upstream import OpenAIUpstream
from cloud.upstreams.prompt_text import PromptTemplate
from reference.tokenizer import CHAT_TEMPLATE
from runtime.clock import SystemClock
from runtime.errors import RequestInvalid
from runtime.ids import ModelName, NodeName
from runtime.local.llm import RunningLlm, running_llm
from runtime.ports import (
    ChatMessage,
    Completion,
    FinishReason,
    GenerateRequest,
    Sampling,
    TextDelta,
)
from runtime.telemetry.metrics import Metrics

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

WEIGHTS = Path(__file__).parents[2] / "reference" / "weights" / "gannet-s.gguf"
MODEL = ModelName("big")
QUESTION = "A shelf holds 7 boxes of 2 bulbs. Then 6 bulbs arrive. How many bulbs are there now?"
WHOLE = GenerateRequest(MODEL, (ChatMessage("user", QUESTION),), Sampling(max_tokens=96))


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of one call."""

    text: str
    last: Completion


class House:
    """A router over one server."""

    def __init__(self, router: Router) -> None:
        self.router = router
        self.whole = ""

    async def ask(self, request: GenerateRequest) -> Answered:
        chunks = [chunk async for chunk in self.router.generate(request, Tally())]
        *deltas, last = chunks
        assert isinstance(last, Completion)
        return Answered("".join(one.text for one in deltas if isinstance(one, TextDelta)), last)

    async def go_on(self, begun: str, draft: str, *, max_tokens: int = 1) -> Answered:
        sampling = Sampling(max_tokens=max_tokens)
        return await self.ask(replace(WHOLE, sampling=sampling, begun=begun, draft=draft))


def router_over(llm: RunningLlm, capabilities: Capabilities, template: str) -> Router:
    clock = SystemClock()
    spec = UpstreamSpec("p", llm.base_url, llm.api_key, capabilities=capabilities)
    return Router(
        {"p": OpenAIUpstream(spec, clock)},
        [Route(MODEL, (Target("p", llm.model, template=PromptTemplate(template)),))],
        RoutingSettings(),
        prices=Prices(),
        node=NodeName("cloud"),
        metrics=UpstreamMetrics(Metrics(CollectorRegistry(), UPSTREAM_ROWS)),
        tracer=NoOpTracer(),
        clock=clock,
        random=Random(5),
    )


@asynccontextmanager
async def closing(router: Router) -> AsyncIterator[Router]:
    try:
        yield router
    finally:
        await router.close()


ABLE = Capabilities(stream_usage=False, repeat_penalty=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def llm(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningLlm]:
    log = tmp_path_factory.mktemp("llm") / "llm.log"
    async with running_llm(WEIGHTS, context_tokens=512, log=log, environment=os.environ) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(llm: RunningLlm) -> AsyncIterator[House]:
    async with closing(router_over(llm, ABLE, CHAT_TEMPLATE)) as router:
        await router.check_drafts()
        made = House(router)
        made.whole = (await made.ask(WHOLE)).text
        assert len(made.whole) > 20
        yield made


async def test_a_draft_that_is_right_is_said_whole_and_one_token_more(house: House) -> None:
    answered = await house.go_on("", house.whole[:12])

    assert house.whole.startswith(answered.text)
    assert len(answered.text) > 12
    assert answered.last.finish_reason is FinishReason.LENGTH
    assert answered.last.continued


@pytest.mark.parametrize("wrong_at", [0, 1, 5, 13])
async def test_a_wrong_draft_is_said_up_to_there_and_then_the_models_own_token(
    house: House, wrong_at: int
) -> None:
    answered = await house.go_on("", house.whole[:wrong_at] + "zebra crossing")

    assert house.whole.startswith(answered.text)
    assert len(answered.text) > wrong_at


@pytest.mark.parametrize("draft_chars", [1, 4, 9, 30])
async def test_piece_by_piece_the_answer_is_the_one_that_the_model_gives_alone(
    house: House, draft_chars: int
) -> None:
    text, last, calls = "", None, 0
    while last is None or last.finish_reason is not FinishReason.STOP:
        # Every other draft is wrong from its middle on.
        draft = house.whole[len(text) :][:draft_chars]
        if calls % 2:
            draft = draft[: draft_chars // 2] + "qq"
        answered = await house.go_on(text, draft)
        text, last, calls = text + answered.text, answered.last, calls + 1
        assert calls < 100

    assert text == house.whole


async def test_a_draft_past_the_end_ends_where_the_model_does(house: House) -> None:
    answered = await house.go_on(house.whole[:8], house.whole[8:] + " And then some.")

    assert house.whole[:8] + answered.text == house.whole
    assert answered.last.finish_reason is FinishReason.STOP


async def test_without_a_draft_the_model_goes_on_behind_what_was_begun(house: House) -> None:
    answered = await house.go_on(house.whole[:10], "", max_tokens=96)

    assert house.whole[:10] + answered.text == house.whole


async def test_every_call_is_charged_for_its_prompt(house: House) -> None:
    begun, draft = house.whole[:10], house.whole[10:20]

    checked = (await house.go_on(begun, draft)).last.usage
    refused = (await house.go_on(begun, "\n\n" + draft)).last.usage

    assert not checked.estimated
    assert checked.prompt_tokens > 20
    assert refused.prompt_tokens >= checked.prompt_tokens
    assert refused.completion_tokens >= 1


@pytest.mark.parametrize("draft", ["", "There are", "zebra", "<|end|>", "\N{SNOWMAN}\N{SNOWMAN}"])
async def test_no_call_is_charged_more_than_was_reserved_for_it(house: House, draft: str) -> None:
    begun = house.whole[:10]
    sampling = Sampling(max_tokens=3)
    request = replace(WHOLE, sampling=sampling, begun=begun, draft=draft)

    spent = (await house.ask(request)).last.usage

    most = house.router.worst_case(request)
    assert 0 < spent.prompt_tokens <= most.prompt_tokens
    assert spent.completion_tokens <= most.completion_tokens


async def test_a_drawn_answer_has_no_draft(house: House) -> None:
    drawn = Sampling(temperature=1.0, max_tokens=4)

    with pytest.raises(RequestInvalid, match="greedy"):
        await house.ask(replace(WHOLE, sampling=drawn, draft="There"))
