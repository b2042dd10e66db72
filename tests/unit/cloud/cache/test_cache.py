"""What is kept, for whom, for how long, and what a hit costs; through the real core."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest

from cloud.cache.answer import Recording
from cloud.cache.rules import ModelRule
from cloud.calls import CacheWish
from cloud.stages import FREE, CacheState
from runtime.errors import CapacityExhausted, LeewardError, StreamBroken
from runtime.labels import Label, Level
from runtime.ports import (
    ChatMessage,
    Completion,
    FinishReason,
    TextDelta,
    TokenLogprob,
    Usage,
)
from tests.unit.cloud.cache.house import END, House, Models, asking

KEPT = "answer 1"
Served = tuple[CacheState, str]


async def test_the_same_call_again_is_answered_from_memory_for_nothing() -> None:
    house = House()

    first = await house.chunks(asking())
    again = await house.chunks(asking(caller="edge-2"))

    assert (first[0], again[0]) == ("miss", "hit")
    assert "".join(c.text for c in again[1] if isinstance(c, TextDelta)) == KEPT
    end = again[1][-1]
    assert isinstance(end, Completion)
    assert end.usage == Usage(10, 5, cached_tokens=10)
    assert (end.finish_reason, end.model, end.node) == (END.finish_reason, END.model, END.node)
    assert len(house.models.asked) == 1
    assert [worst for _, worst in house.budget.reserved][1:] == [FREE]
    assert [outcome.cache_hit for outcome in house.budget.settled] == [False, True]


async def test_limits_apply_to_hits_as_well() -> None:
    house = House()
    await house.ask(asking())
    house.budget.refusals.append(CapacityExhausted("too many"))

    with pytest.raises(CapacityExhausted):
        await house.ask(asking())


TENANTS = st.sampled_from(["clinic", "bank"])
LABELS = st.sampled_from([Label.of(), Label.of("project"), Label.of("person")])
TEXTS = st.sampled_from(["What is it?", "what's it", "What is it not?"])
PLACES = st.tuples(TENANTS, LABELS, st.sampled_from(["edge-1", "edge-2"]), TEXTS)


@given(st.lists(PLACES, max_size=12), st.sampled_from(["tenant", "caller"]))
async def test_no_answer_ever_crosses_tenants_or_labels(
    places: list[tuple[str, Label, str, str]], sharing: str
) -> None:
    house = House(
        max_level=Level.CONFIDENTIAL, sharing="caller" if sharing == "caller" else "tenant"
    )
    first_asked: dict[str, tuple[str, Label, str]] = {}

    for tenant, label, caller, text in places:
        call = asking(text, tenant=tenant, caller=caller, label=label)
        _, answer = await house.ask(call)
        owner = caller if sharing == "caller" else ""
        assert first_asked.setdefault(answer, (tenant, label, owner)) == (tenant, label, owner)


@pytest.mark.parametrize(
    ("rule", "sampling", "state"),
    [
        (ModelRule(), {}, "hit"),
        (ModelRule(), {"temperature": 0.7}, "off"),
        (ModelRule(), {"temperature": 0.7, "seed": 1}, "hit"),
        (ModelRule(always=True), {"temperature": 0.7}, "hit"),
        (ModelRule(exact=False), {}, "off"),
    ],
)
async def test_only_answers_that_are_meant_to_repeat_are_kept(
    rule: ModelRule, sampling: dict[str, Any], state: str
) -> None:
    house = House(rule)
    await house.ask(asking(**sampling))

    assert (await house.ask(asking(**sampling)))[0] == state


@pytest.mark.parametrize(("max_level", "state"), [(Level.PUBLIC, "off"), (Level.INTERNAL, "hit")])
async def test_nothing_above_the_level_is_kept(max_level: Level, state: str) -> None:
    house = House(max_level=max_level)
    call = asking(label=Label.of("project"))
    await house.ask(call)

    assert (await house.ask(call))[0] == state
    assert (len(house.memory) > 0) == (state == "hit")


@pytest.mark.parametrize(
    ("wish", "states"), [("off", ["off", "miss", "hit"]), ("refresh", ["miss", "hit", "hit"])]
)
async def test_a_caller_may_ask_for_no_cache_or_a_fresh_answer(
    wish: CacheWish, states: list[str]
) -> None:
    house = House()

    asked = [replace(asking(), cache=wish), asking(), asking()]

    assert [(await house.ask(call))[0] for call in asked] == states


async def test_a_fresh_answer_takes_the_place_of_the_kept_one() -> None:
    house = House()
    await house.ask(asking())

    fresh = await house.ask(replace(asking(), cache="refresh"))

    assert fresh == ("miss", "answer 2")
    assert await house.ask(asking()) == ("hit", "answer 2")


async def test_a_broken_answer_is_not_kept() -> None:
    house = House()
    house.models.failures.append(StreamBroken("cut", received_tokens=1))

    with pytest.raises(StreamBroken):
        await house.ask(asking())

    assert await house.ask(asking()) == ("miss", "answer 2")


async def test_an_answer_whose_caller_left_is_not_kept() -> None:
    house = House()

    async with house.core.answering(asking()) as answer:
        await anext(answer.chunks)

    assert (await house.ask(asking()))[0] == "miss"


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        (FinishReason.STOP, "hit"),
        (FinishReason.LENGTH, "hit"),
        (FinishReason.CONTENT_FILTER, "miss"),
    ],
)
async def test_only_a_proper_end_is_kept(reason: FinishReason, state: str) -> None:
    house = House()
    house.models.end = replace(END, finish_reason=reason)
    await house.ask(asking())

    assert (await house.ask(asking()))[0] == state


@pytest.mark.parametrize("max_bytes", [1_100, 1_700])  # too long at its text, at its end
async def test_an_answer_that_is_too_long_is_passed_on_and_not_kept(max_bytes: int) -> None:
    house = House(max_answer_bytes=max_bytes)

    assert await house.ask(asking()) == ("miss", KEPT)
    assert (await house.ask(asking()))[0] == "miss"


async def test_an_answer_ends() -> None:
    house = House()
    await house.ask(asking())
    house.clock.advance(61)

    assert (await house.ask(asking()))[0] == "miss"


@given(st.lists(st.text(max_size=700), max_size=20), st.booleans())
def test_a_replay_has_the_same_text_tokens_and_log_probabilities(
    pieces: list[str], with_logprobs: bool
) -> None:
    recording = Recording(max_bytes=10_000_000)
    stream = [
        TextDelta(piece, 2, (TokenLogprob(piece, -0.5, ((piece, -0.5),)),) if with_logprobs else ())
        for piece in pieces
    ]

    for chunk in stream:
        recording.take(chunk)
    recording.take(END)

    assert recording.answer is not None
    *deltas, end = recording.answer.chunks
    kept = [delta for delta in deltas if isinstance(delta, TextDelta)]
    assert "".join(delta.text for delta in kept) == "".join(pieces)
    assert sum(delta.tokens for delta in kept) == 2 * len(pieces)
    assert [one for delta in kept for one in delta.logprobs] == [
        one for delta in stream for one in delta.logprobs
    ]
    assert end == END


async def test_hits_misses_refusals_and_bytes_are_counted() -> None:
    house = House()
    for call in (asking(), asking(), asking(temperature=0.5), asking(label=Label.of("person"))):
        await house.ask(call)

    shown = generate_latest(house.metrics.registry).decode()

    for line in (
        'leeward_cache_lookups_total{outcome="miss"} 1.0',
        'leeward_cache_lookups_total{outcome="exact"} 1.0',
        'leeward_cache_lookups_total{outcome="off"} 2.0',
        'leeward_cache_refusals_total{reason="sampling"} 1.0',
        'leeward_cache_refusals_total{reason="label"} 1.0',
        "leeward_cache_answers_count 1.0",
        f"leeward_cache_size_bytes {float(house.memory.size_bytes)}",
    ):
        assert line in shown


async def started(house: House, count: int) -> list["asyncio.Task[Served]"]:
    """Ask the same ``count`` times at once; return when the first has reached the model."""
    house.models.go = asyncio.Event()
    tasks = [asyncio.ensure_future(house.ask(asking())) for _ in range(count)]
    await house.models.reached.wait()
    for _ in range(20):  # the others reach the cache
        await asyncio.sleep(0)
    return tasks


async def test_the_same_call_many_times_at_once_is_made_once() -> None:
    house = House()

    tasks = await started(house, 50)
    assert house.models.go is not None
    house.models.go.set()
    answers = await asyncio.gather(*tasks)

    assert {text for _, text in answers} == {KEPT}
    assert sorted(state for state, _ in answers) == ["hit"] * 49 + ["miss"]
    assert len(house.models.asked) == 1


@pytest.mark.parametrize("failure", [StreamBroken("cut"), CapacityExhausted("full")])
async def test_a_call_that_fails_fails_nobody_who_waited_for_it(failure: LeewardError) -> None:
    house = House()
    house.models.failures.append(failure)

    tasks = await started(house, 5)
    assert house.models.go is not None
    house.models.go.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)

    assert [answer for answer in answers if isinstance(answer, BaseException)] == [failure]
    assert all(answer[0] == "miss" for answer in answers if isinstance(answer, tuple))


async def test_a_caller_who_leaves_or_is_refused_leaves_nobody_waiting() -> None:
    house = House(wait_s=60)
    tasks = await started(house, 3)
    tasks[0].cancel()
    assert house.models.go is not None
    house.models.go.set()
    answers = await asyncio.gather(*tasks[1:])

    assert {text.split()[0] for _, text in answers} == {"answer"}

    house = House(wait_s=60)
    house.budget.refusals.append(CapacityExhausted("used up"))
    refused = await asyncio.gather(*(house.ask(asking()) for _ in range(3)), return_exceptions=True)

    assert sum(isinstance(one, CapacityExhausted) for one in refused) == 1
    assert sum(isinstance(one, tuple) for one in refused) == 2


async def test_nobody_waits_longer_than_the_limit() -> None:
    house = House(wait_s=0.05)
    tasks = await started(house, 2)
    await asyncio.sleep(0.2)

    assert len(house.models.asked) == 2

    assert house.models.go is not None
    house.models.go.set()
    await asyncio.gather(*tasks)


async def test_what_former_models_answered_is_not_served_by_newer_ones() -> None:
    house = House()
    await house.ask(asking())
    await house.core.succession.replace(Models())

    assert (await house.ask(asking()))[0] == "miss"
    assert (await house.ask(asking()))[0] == "hit"


async def test_an_answer_that_former_models_are_still_giving_is_not_kept_for_newer_ones() -> None:
    house = House()
    house.models.go = asyncio.Event()
    running = asyncio.ensure_future(house.ask(asking()))
    await house.models.reached.wait()
    replaced = asyncio.ensure_future(house.core.succession.replace(Models()))
    house.models.go.set()
    await asyncio.gather(running, replaced)

    assert (await house.ask(asking()))[0] == "miss"


async def test_earlier_turns_and_the_system_prompt_are_part_of_the_question() -> None:
    house = House()
    await house.ask(asking(before=[ChatMessage("system", "Be brief.")]))

    assert (await house.ask(asking(before=[ChatMessage("system", "Be kind.")])))[0] == "miss"
    assert (await house.ask(asking()))[0] == "miss"
