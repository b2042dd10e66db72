"""The same question in other words: only where both the wording and the vectors say so."""

import asyncio
from dataclasses import replace
from itertools import permutations

import pytest
from prometheus_client import generate_latest

from cloud.cache.rules import ModelRule, SameQuestion
from cloud.cache.similarity import cosine
from cloud.calls import GenerateCall
from cloud.stages import WorstCase
from runtime.errors import UpstreamUnavailable
from runtime.labels import Label
from runtime.ports import ChatMessage
from runtime.sentinel.embedding import load_encoder
from tests.unit.cloud.cache.house import ENCODER, WORST, House, asking

RULE = ModelRule(same_question=SameQuestion(ENCODER, 0.9))
ASKED = "What is the capital of France?"
REWORDED = "Could you please tell me what's the capital of France?"


def continued(text: str) -> GenerateCall:
    """Return a call whose last turn is the assistant's, to be gone on with."""
    call = asking(text)
    turns = (ChatMessage("assistant", text),)
    return replace(call, request=replace(call.request, messages=turns))


async def test_a_rewording_is_served_and_its_vectors_are_booked_to_the_caller() -> None:
    house = House(RULE)
    await house.ask(asking(ASKED))

    assert await house.ask(asking(REWORDED)) == ("hit", "answer 1")
    assert [request.texts for request in house.models.embedded] == [(ASKED, REWORDED)]
    assert [worst for call, worst in house.budget.reserved][1] == WORST


async def test_a_miss_costs_no_embedding() -> None:
    house = House(RULE)

    await house.ask(asking(ASKED))
    await house.ask(asking("What is the capital of Spain?"))
    await house.ask(asking(ASKED))

    assert house.models.embedded == []


async def test_the_sentinels_own_encoder_compares_here_and_is_booked_to_nobody() -> None:
    house = House(ModelRule(same_question=SameQuestion(None, 0.8)), own=load_encoder())
    await house.ask(asking(ASKED))

    assert await house.ask(asking(REWORDED)) == ("hit", "answer 1")
    assert house.models.embedded == []
    assert [worst for call, worst in house.budget.reserved][1:] == [WorstCase(0, 0, 0)]


async def test_the_sentinels_own_encoder_can_say_no() -> None:
    house = House(ModelRule(same_question=SameQuestion(None, 0.9999)), own=load_encoder())
    await house.ask(asking(ASKED))

    assert (await house.ask(asking(REWORDED)))[0] == "miss"


async def test_without_an_encoder_at_all_the_question_is_asked() -> None:
    house = House(ModelRule(same_question=SameQuestion(None, 0.1)))
    await house.ask(asking(ASKED))

    assert (await house.ask(asking(REWORDED)))[0] == "miss"


@pytest.mark.parametrize(
    ("vectors", "state"),
    [
        (((1.0, 0.0), (1.0, 0.1)), "hit"),
        (((1.0, 0.0), (0.5, 0.5)), "miss"),
        (((1.0, 0.0), (-1.0, 0.0)), "miss"),
        (((0.0, 0.0), (0.0, 0.0)), "miss"),
        (((1.0, 0.0), (1.0, 0.0, 0.0)), "miss"),
        (((float("nan"), 0.0), (1.0, 0.0)), "miss"),
        (((float("inf"), 0.0), (1.0, 0.0)), "miss"),
    ],
)
async def test_vectors_that_are_not_alike_refuse(
    vectors: tuple[tuple[float, ...], ...], state: str
) -> None:
    house = House(RULE)
    house.models.vectors = vectors
    await house.ask(asking(ASKED))

    assert (await house.ask(asking(REWORDED)))[0] == state


async def test_an_encoder_that_fails_is_a_miss() -> None:
    house = House(RULE)
    house.models.encoder_failure = UpstreamUnavailable("down")
    await house.ask(asking(ASKED))

    assert await house.ask(asking(REWORDED)) == ("miss", "answer 2")
    assert (
        'refusals_total{reason="encoder"} 1.0' in generate_latest(house.metrics.registry).decode()
    )


async def test_a_turn_to_be_gone_on_with_is_no_question() -> None:
    house = House(RULE)
    await house.ask(continued(ASKED))

    assert (await house.ask(continued(REWORDED)))[0] == "miss"


async def test_the_same_rewording_many_times_at_once_is_compared_once() -> None:
    house = House(RULE)
    await house.ask(asking(ASKED))

    answers = await asyncio.gather(*(house.ask(asking(REWORDED)) for _ in range(10)))

    assert set(answers) == {("hit", "answer 1")}
    assert len(house.models.embedded) == 1


async def test_without_a_rule_only_the_exact_call_hits() -> None:
    house = House()
    await house.ask(asking(ASKED))

    assert (await house.ask(asking(REWORDED)))[0] == "miss"


CLOSE = (
    "Is 5 mg safe for Anna?",
    "Is 5 mg not safe for Anna?",
    "Is 50 mg safe for Anna?",
    "Is 5 g safe for Anna?",
    "Is 5 mg safe for Peter?",
    "Is 5 mg unsafe for Anna?",
    "Is Anna safe for 5 mg?",
    "Ist 5 mg sicher, Anna?",
)


@pytest.mark.parametrize(("kept", "asked"), list(permutations(CLOSE, 2)))
async def test_vectors_that_cannot_tell_two_questions_apart_serve_no_wrong_answer(
    kept: str, asked: str
) -> None:
    house = House(RULE)  # its vectors say that any two texts are the same
    await house.ask(asking(kept))

    assert (await house.ask(asking(asked)))[0] == "miss"


async def test_another_tenant_label_system_prompt_or_earlier_turn_is_another_question() -> None:
    house = House(RULE)
    await house.ask(asking(ASKED))

    others = [
        asking(REWORDED, tenant="bank"),
        asking(REWORDED, before=[ChatMessage("system", "Answer in German.")]),
        asking(REWORDED, before=[ChatMessage("user", "Hi"), ChatMessage("assistant", "Hello.")]),
        asking(REWORDED, max_tokens=1),
        asking(REWORDED, json_schema="{}"),
    ]

    assert [(await house.ask(call))[0] for call in others] == ["miss"] * len(others)
    assert (await house.ask(asking(REWORDED, label=Label.of("person"))))[0] == "off"


def test_the_cosine_of_two_vectors() -> None:
    assert cosine((3.0, 4.0), (6.0, 8.0)) == pytest.approx(1.0)
    assert cosine((1.0, 0.0), (0.0, 1.0)) == pytest.approx(0.0)
    assert cosine((float("inf"), 0.0), (1.0, 0.0)) == -1.0
