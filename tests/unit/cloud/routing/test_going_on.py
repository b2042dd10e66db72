"""An answer that breaks off and goes on elsewhere: nothing lost, nothing twice, or a typed end."""

from dataclasses import replace
from typing import Any

import pytest

from cloud.upstreams.model import Capabilities
from runtime.errors import StreamBroken
from runtime.ports import Sampling
from runtime.testing.scripted_provider import Script
from tests.unit.cloud.routing.house import CALL, SETTINGS, completion_of, house_of, text_of

GOES_ON: dict[str, Any] = {"capabilities": Capabilities(continuation="assistant_turn")}
ECHOES: dict[str, Any] = {"capabilities": Capabilities(continuation="prefix_echoed")}
FLAGGED: dict[str, Any] = {"capabilities": Capabilities(continuation="final_message")}
CUT = Script(pieces=("The patient ", "takes ", "3"), cut_before=2)


async def test_the_next_provider_goes_on_where_the_first_broke_off() -> None:
    rest = Script(pieces=(" 3 ", "tablets"), usage=(9, 2))
    async with house_of(CUT, rest, spec=GOES_ON) as house:
        chunks = await house.ask()

        assert text_of(chunks) == "The patient takes 3 tablets"
        asked = house.providers[1].calls[0]
        assert asked["messages"][-1] == {"role": "assistant", "content": "The patient takes"}
        assert asked["max_tokens"] == CALL.sampling.max_tokens - 2
        name = "leeward_upstream_continuations_total"
        assert house.metric(name, upstream="p1") == 1


async def test_both_parts_are_charged_and_the_end_says_so() -> None:
    rest = Script(pieces=(" 3",), usage=(9, 2))
    async with house_of(CUT, rest, spec=GOES_ON) as house:
        usage = completion_of(await house.ask()).usage

    # Two tokens of the part that broke off, by our count, and two of the rest.
    assert usage.completion_tokens == 2 + 2
    assert usage.prompt_tokens > 9
    assert usage.estimated


async def test_a_provider_that_repeats_the_beginning_is_listened_to_from_its_end() -> None:
    rest = Script(pieces=("The pat", "ient takes 3", " tablets"))
    async with house_of(CUT, rest, spec=ECHOES) as house:
        assert text_of(await house.ask()) == "The patient takes 3 tablets"
        assert house.providers[1].calls[0]["messages"][-1]["prefix"] is True


async def test_a_server_that_wants_to_be_told_is_told() -> None:
    async with house_of(CUT, Script(pieces=(" 3",)), spec=FLAGGED) as house:
        await house.ask()

        asked = house.providers[1].calls[0]
        assert asked["continue_final_message"] is True
        assert asked["add_generation_prompt"] is False


@pytest.mark.parametrize("pieces", [("The doctor ", "takes 3"), ("The pat",), ()])
async def test_a_repetition_of_something_else_or_of_a_part_is_a_broken_answer(
    pieces: tuple[str, ...],
) -> None:
    async with house_of(CUT, Script(pieces=pieces), spec=ECHOES) as house:
        with pytest.raises(StreamBroken):
            await house.ask()


async def test_one_that_breaks_off_again_says_how_far_both_got() -> None:
    again = Script(pieces=(" 3 ", "tab", "lets"), cut_before=2)
    async with house_of(CUT, again, spec=GOES_ON) as house:
        with pytest.raises(StreamBroken) as broken:
            await house.ask()

    assert broken.value.received_tokens == 4


async def test_when_nobody_can_go_on_the_end_says_how_far_it_got() -> None:
    settings = replace(SETTINGS, max_attempts=2)
    async with house_of(CUT, Script(status=500), spec=GOES_ON, settings=settings) as house:
        with pytest.raises(StreamBroken) as broken:
            await house.ask()

    assert broken.value.received_tokens == 2


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(json_schema='{"type":"object"}'),
        Sampling(grammar='root ::= "4"'),
        Sampling(stop=("end",)),
        Sampling(logprobs=1),
        Sampling(max_tokens=2),
    ],
)
async def test_what_cannot_be_cut_anywhere_is_not_gone_on_with(sampling: Sampling) -> None:
    async with house_of(CUT, Script(), spec=GOES_ON) as house:
        with pytest.raises(StreamBroken):
            await house.ask(sampling=sampling)

        assert house.calls() == [1, 0]


async def test_an_undeclared_provider_is_not_asked_to_go_on() -> None:
    async with house_of(CUT, Script()) as house:
        with pytest.raises(StreamBroken):
            await house.ask()

        assert house.calls() == [1, 0]


async def test_blanks_alone_are_begun_anew() -> None:
    blank = Script(pieces=(" \n", "x"), cut_before=1)
    async with house_of(blank, Script(pieces=(" ", "\nyes")), spec=GOES_ON) as house:
        assert text_of(await house.ask()) == " \nyes"
        assert len(house.providers[1].calls[0]["messages"]) == 1
