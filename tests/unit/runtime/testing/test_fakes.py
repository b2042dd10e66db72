"""The fakes keep the promises of the ports that they stand for."""

import asyncio
from contextlib import aclosing

import pytest

from runtime.errors import EngineCrashed
from runtime.ids import ModelName, PlanId, RequestId, SessionId, StepId
from runtime.ports import (
    ChatMessage,
    Completion,
    GenerateRequest,
    Provenance,
    Sampling,
    TextDelta,
)
from runtime.testing.fakes import FakeReleases, ManualClock, Script, ScriptedModel, SeededIds

PROVENANCE = Provenance(RequestId("r"), SessionId("s"), PlanId("p"), StepId("near"))
ASK = GenerateRequest(ModelName("m"), (ChatMessage("user", "two words"),), provenance=PROVENANCE)


async def read(model: ScriptedModel, request: GenerateRequest = ASK):
    return [chunk async for chunk in model.generate(request)]


async def test_a_scripted_model_streams_words_and_one_completion() -> None:
    model = ScriptedModel(default="a b")

    *deltas, last = await read(model)

    assert [delta.text for delta in deltas] == ["a", " b"]
    assert isinstance(last, Completion)
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (2, 2)


async def test_replies_follow_their_step_and_order_and_the_last_repeats() -> None:
    model = ScriptedModel()
    model.answer("1", "2", step="near")
    model.answer("other", when=lambda request: request.provenance is None)

    texts = [(await read(model))[0].text for _ in range(3)]
    unplanned = await read(model, GenerateRequest(ModelName("m"), ()))

    assert texts == ["1", "2", "2"]
    assert unplanned[0].text == "other"


async def test_failures_come_where_the_script_says() -> None:
    model = ScriptedModel(default=Script("a b c", fails_after=2, error=EngineCrashed("x")))
    got = []

    with pytest.raises(EngineCrashed):
        await keep(model, got)

    assert got == [TextDelta("a"), TextDelta(" b")]


async def keep(model: ScriptedModel, into: list) -> None:
    async for chunk in model.generate(ASK):
        into.append(chunk)  # noqa: PERF401 - a comprehension would lose it


async def test_closing_a_stream_early_is_recorded_as_cancelled() -> None:
    model = ScriptedModel(default="a b c")

    async with aclosing(model.generate(ASK)) as stream:
        await anext(stream)

    assert (model.running, model.cancelled) == (0, 1)


async def test_latency_goes_through_the_given_sleep() -> None:
    clock = ManualClock()
    model = ScriptedModel(
        default=Script("a b c", first_token_s=2.0, token_s=0.5), sleep=clock.sleep
    )

    await read(model)

    assert clock.monotonic_s() == 3.0


async def test_a_call_can_be_held_until_the_test_lets_it_go() -> None:
    gate = asyncio.Event()
    model = ScriptedModel(default=Script("a", wait_for=gate))
    reading = asyncio.create_task(read(model))
    await model.wait_running(1)

    gate.set()

    assert len(await reading) == 2


async def test_logprobs_come_only_when_asked_for() -> None:
    model = ScriptedModel(default=Script("a", logprob=-1.0))
    wanted = GenerateRequest(ModelName("m"), (), sampling=Sampling(logprobs=1))

    assert (await read(model))[0].logprobs == ()
    assert (await read(model, wanted))[0].logprobs[0].logprob == -1.0


async def test_fake_releases_are_undone_exactly_in_whole_and_in_stream() -> None:
    releases = FakeReleases({"Anna": "person", "Bob": "person"})
    chat = [ChatMessage("user", "Anna met Bob and Anna")]

    released, record = await releases.release(chat, frozenset({"person"}), PROVENANCE)
    text = released[0].content
    restorer = releases.restorer(PROVENANCE)
    streamed = "".join(restorer.feed(char) for char in text) + restorer.finish()

    assert text == "<PERSON_1> met <PERSON_2> and <PERSON_1>"
    assert record.spans == 3
    assert await releases.restore(text, PROVENANCE) == streamed == chat[0].content


async def test_only_the_named_categories_are_replaced() -> None:
    releases = FakeReleases({"Anna": "person", "flu": "health"})
    chat = [ChatMessage("user", "Anna has flu")]

    released, _ = await releases.release(chat, frozenset({"person"}), PROVENANCE)

    assert released[0].content == "<PERSON_1> has flu"


def test_seeded_ids_count_up_and_repeat_from_the_same_seed() -> None:
    ids, again = SeededIds(7), SeededIds(7)

    assert [ids.request(), ids.request(), ids.session(), ids.plan()] == [
        "request-7-1",
        "request-7-2",
        "session-7-1",
        "plan-7-1",
    ]
    assert again.request() == "request-7-1"


def test_a_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock()
    before = clock.now()

    clock.advance(1.5)

    assert (clock.now() - before).total_seconds() == clock.monotonic_s() == 1.5
