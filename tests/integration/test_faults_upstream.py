"""An upstream that is down, slow, or breaks: the edge model answers, or a typed error, no hang.

Each case goes the whole way, edge to gateway to provider, through real processes.
"""

from collections.abc import AsyncGenerator
from dataclasses import replace

import httpx
import pytest

from runtime.errors import (
    CapacityExhausted,
    LeewardError,
    StreamBroken,
    UpstreamUnavailable,
)
from runtime.executor.events import AnswerDelta, Event
from runtime.graph.document import parse_graph
from runtime.graph.model import Graph
from runtime.testing.faulty_house import ABSENT_MODEL, EDGE_MODEL, FaultyHouse, ask
from runtime.testing.local_roles import run_graph
from runtime.testing.scripted_provider import Script

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(90),
    pytest.mark.asyncio(loop_scope="session"),
]

# Of the kind that the edge model was trained on, so that its answers are short.
PUBLIC = "A shelf holds 7 boxes of 2 bulbs. Then 6 bulbs arrive. How many bulbs are there now?"
GOOD = Script()
SLOW = Script(stall_before=0)
STALLS = Script(stall_before=1)
CUT_FIRST = Script(cut_before=0)
CUT = Script(cut_before=1)
ENDLESS = Script(finish_reason=None)
LIMITED = Script(status=429, headers=(("retry-after", "0"),))
BROKEN = Script(status=500)
WRONG_KEY = Script(status=401, error_code="invalid_api_key")

NOTHING_SHOWN = {
    "slow": (SLOW, UpstreamUnavailable),
    "cut": (CUT_FIRST, UpstreamUnavailable),
    "rate-limited": (LIMITED, CapacityExhausted),
    "broken": (BROKEN, UpstreamUnavailable),
    "wrong-key": (WRONG_KEY, UpstreamUnavailable),
}
PARTLY_SHOWN = {"stalls": STALLS, "cut": CUT, "no-finish-reason": ENDLESS}
CASES = [pytest.param(*case, id=name) for name, case in NOTHING_SHOWN.items()]
PARTS = [pytest.param(case, id=name) for name, case in PARTLY_SHOWN.items()]


def _absent() -> Graph:
    return parse_graph(
        "leeward: graph/v1\nname: absent\n"
        f"steps: {{answer: {{role: assistant, model: {ABSENT_MODEL}}}}}\nedges: []\n"
    )


async def _shown_before_the_break(events: AsyncGenerator[Event]) -> str:
    shown = ""
    try:
        async for event in events:
            shown += event.text if isinstance(event, AnswerDelta) else ""
    except StreamBroken:
        return shown
    pytest.fail("the stream did not break")


async def test_a_good_upstream_answers(house: FaultyHouse) -> None:
    house.play(GOOD)

    told = await ask(house.edge, "ask-cloud", PUBLIC)

    assert told.answer == "four" + "ty-two"
    assert told.receipt.left_the_edge
    assert told.fell_back == ()


@pytest.mark.parametrize(("script", "error"), CASES)
async def test_the_edge_model_takes_over_when_nothing_was_shown(
    house: FaultyHouse, script: Script, error: type[LeewardError]
) -> None:
    house.play(script)

    told = await ask(house.edge, "ask-cloud", PUBLIC)

    (line,) = told.receipt.steps
    assert told.answer
    assert [(event.node, event.model) for event in told.fell_back] == [("edge", EDGE_MODEL)]
    assert [event.error for event in told.fell_back] == [error.__name__]
    assert (line.node, line.fell_back_from) == ("edge", "cloud")
    assert told.receipt.left_the_edge
    assert len(line.ledger_positions) == len(house.provider.calls) > 0


@pytest.mark.parametrize(("script", "error"), CASES)
async def test_a_policy_that_refuses_gets_the_typed_error(
    house: FaultyHouse, script: Script, error: type[LeewardError]
) -> None:
    house.play(script)

    with pytest.raises(error) as caught:
        await ask(house.strict, "ask-cloud", PUBLIC)

    assert type(caught.value) is error
    assert PUBLIC not in str(caught.value)


@pytest.mark.parametrize("script", PARTS)
@pytest.mark.parametrize("edge", ["edge", "strict"])
async def test_an_answer_that_breaks_off_after_its_beginning_was_shown_is_a_broken_stream(
    house: FaultyHouse, script: Script, edge: str
) -> None:
    house.play(script)

    shown = await _shown_before_the_break(run_graph(getattr(house, edge), "ask-cloud", PUBLIC))

    assert shown.startswith("four")


@pytest.mark.parametrize("script", PARTS)
async def test_a_step_that_is_not_shown_falls_back_even_when_it_breaks_off_late(
    house: FaultyHouse, script: Script
) -> None:
    house.play(script)

    told = await ask(house.edge, "parallel-fuse", PUBLIC)

    far = next(line for line in told.receipt.steps if line.step == "far")
    assert (far.node, far.fell_back_from) == ("edge", "cloud")
    assert [(event.step, event.error) for event in told.fell_back] == [("far", "StreamBroken")]
    assert told.answer


async def test_a_provider_that_was_never_there_falls_back_or_is_named(house: FaultyHouse) -> None:
    told = await ask(house.edge, _absent(), PUBLIC)
    with pytest.raises(UpstreamUnavailable):
        await ask(house.strict, _absent(), PUBLIC)

    assert [event.error for event in told.fell_back] == ["UpstreamUnavailable"]


@pytest.mark.parametrize(
    ("script", "status", "code"),
    [
        pytest.param(SLOW, 503, "UpstreamUnavailable", id="slow"),
        pytest.param(LIMITED, 429, "rate_limit_exceeded", id="rate-limited"),
        pytest.param(WRONG_KEY, 503, "UpstreamUnavailable", id="wrong-key"),
        pytest.param(CUT, 502, "StreamBroken", id="cut"),
    ],
)
async def test_http_answers_with_a_status_and_the_errors_name(
    house: FaultyHouse, script: Script, status: int, code: str
) -> None:
    house.play(script)
    body = {"model": "leeward/ask-cloud", "messages": [{"role": "user", "content": PUBLIC}]}

    async with httpx.AsyncClient(timeout=20) as client:
        answer = await client.post(f"{house.strict_http}/chat/completions", json=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert PUBLIC not in answer.text


async def test_an_http_stream_that_breaks_ends_with_an_error_event(house: FaultyHouse) -> None:
    house.play(replace(CUT, pieces=("four ", "and ", "more"), cut_before=2))
    body = {
        "model": "leeward/ask-cloud",
        "messages": [{"role": "user", "content": PUBLIC}],
        "stream": True,
    }

    async with httpx.AsyncClient(timeout=20) as client:
        answer = await client.post(f"{house.strict_http}/chat/completions", json=body)

    lines = [line for line in answer.text.splitlines() if line]
    assert answer.status_code == 200
    assert "four" in answer.text
    assert '"code":"StreamBroken"' in lines[-1]
    assert '"finish_reason":"' not in answer.text
