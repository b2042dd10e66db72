"""Nothing passes a guard that it refuses, however the answer is cut; a guard that fails refuses."""

import itertools
import logging
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import ConfigInvalid, EngineCrashed, GuardRefused, RequestInvalid
from runtime.guards.document import parse_guards
from runtime.guards.folding import FoldedStream, folded
from runtime.guards.model import Guards
from runtime.guards.port import GuardedModel
from runtime.http.status import status_of
from runtime.ids import ModelName, NodeName
from runtime.ports import (
    ChatMessage,
    Completion,
    GenerateRequest,
    TextDelta,
    ToolCall,
    ToolCallPiece,
)
from runtime.testing.fakes import Script, ScriptedModel

PHRASE = "double the dose"


def guards(text: str) -> Guards:
    return parse_guards(f"leeward: guards/v1\nguards: {{g: {text}}}\n")


WORDS = guards(f'{{words: ["{PHRASE}"]}}')
JUDGE = guards("{reads: answers, model: judge}")


async def passed(
    guarded: Guards, *pieces: str, asked: str = "How much?", verdict: object = "verdict: pass"
) -> tuple[list[str], bool]:
    """Return what came of an answer through guards, and whether it was refused."""
    model, judge = ScriptedModel(NodeName("edge")), ScriptedModel(NodeName("edge"))
    model.answer(Script(pieces=pieces))
    judge.answer(verdict)
    port = GuardedModel(model, guarded, zone="edge", judges=judge)
    request = GenerateRequest(ModelName("m"), (ChatMessage("user", asked),))
    came: list[str] = []
    try:
        async with aclosing(port.generate(request)) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, TextDelta):
                    came.append(chunk.text)
                else:
                    assert isinstance(chunk, Completion)
    except GuardRefused:
        return came, True
    return came, False


async def test_an_answer_without_the_phrase_comes_whole() -> None:
    pieces = ["Take ", "the dose ", "twice", "."]

    assert await passed(WORDS, *pieces) == (pieces, False)


@pytest.mark.parametrize(
    "said",
    [
        "You may double the dose today.",
        "DOUBLE\n\n THE  dose",
        "do\u200buble the dosé",
        "\uff44ouble the dose",
    ],
)
@pytest.mark.parametrize("size", [1, 3, 100])
async def test_no_part_of_a_refused_phrase_is_shown(said: str, size: int) -> None:
    pieces = [said[at : at + size] for at in range(0, len(said), size)]

    came, is_refused = await passed(WORDS, *pieces)

    assert is_refused
    assert folded("You may").startswith(folded("".join(came)))


@pytest.mark.parametrize("guarded", [WORDS, JUDGE])
async def test_calls_of_tools_are_told_when_they_are_judged(guarded: Guards) -> None:
    model, judge = ScriptedModel(NodeName("edge")), ScriptedModel(NodeName("edge"))
    judge.answer("verdict: pass")
    call = ToolCall("c", "dose", '{"mg": 1}')
    pieces = (ToolCallPiece(0, '{"mg"', "c", "dose"), ToolCallPiece(0, ": 1}"))
    model.answer(Script("Yes.", tool_calls=(call,), call_pieces=pieces))
    port = GuardedModel(model, guarded, zone="edge", judges=judge)
    request = GenerateRequest(ModelName("m"), (ChatMessage("user", "Hm?"),))

    *deltas, end = [chunk async for chunk in port.generate(request)]

    assert not any(delta.tool_calls for delta in deltas if isinstance(delta, TextDelta))
    assert end.tool_calls == (call,)


async def test_a_request_with_the_phrase_reaches_no_model() -> None:
    model = ScriptedModel(NodeName("edge"))
    port = GuardedModel(model, WORDS, zone="edge", judges=model)
    request = GenerateRequest(ModelName("m"), (ChatMessage("user", f"May I {PHRASE}?"),))

    with pytest.raises(GuardRefused, match="guard g refused the request to model m"):
        await anext(port.generate(request))

    assert not model.requests


@pytest.mark.parametrize(
    ("verdict", "is_refused"),
    [
        ("It is fine.\nverdict: pass", False),
        ("verdict: refuse", True),
        ("It is fine.", True),
        ("", True),
        (EngineCrashed("gone"), True),
    ],
)
async def test_what_a_model_does_not_pass_is_refused_before_any_of_it_is_shown(
    verdict: object, is_refused: bool
) -> None:
    came, refused = await passed(JUDGE, "All ", "well.", verdict=verdict)

    assert refused is is_refused
    assert came == ([] if is_refused else ["All ", "well."])


@pytest.mark.parametrize("part", [{"begun": "You may double "}, {"draft": "double the"}])
async def test_an_answer_in_parts_is_none_that_a_guard_could_judge(part: dict[str, str]) -> None:
    model = ScriptedModel(NodeName("edge"))
    port = GuardedModel(model, WORDS, zone="edge", judges=model)
    request = GenerateRequest(ModelName("m"), (ChatMessage("user", "How much?"),), **part)

    with pytest.raises(RequestInvalid, match="whole answers"):
        await anext(port.generate(request))

    assert not model.requests


async def test_a_judge_is_not_asked_to_go_on_with_what_it_judges() -> None:
    model, judge = ScriptedModel(NodeName("edge")), ScriptedModel(NodeName("edge"))
    model.answer("dose.")
    judge.answer("verdict: pass")
    port = GuardedModel(model, guards("{reads: requests, model: judge}"), zone="edge", judges=judge)
    request = GenerateRequest(ModelName("m"), (ChatMessage("user", "?"),), begun="The ")

    async with aclosing(port.generate(request)) as chunks:
        assert [chunk async for chunk in chunks]

    assert not judge.requests[0].continues
    assert "The " in judge.requests[0].messages[-1].content


async def test_an_answer_that_grows_too_long_is_cut() -> None:
    came, is_refused = await passed(guards("{longest_characters: 6}"), "four", "more", asked="?")

    assert is_refused
    assert came == ["four"]


async def test_a_guard_of_the_cloud_lets_the_edge_be() -> None:
    far = guards(f'{{at: cloud, words: ["{PHRASE}"]}}')

    assert await passed(far, PHRASE) == ([PHRASE], False)


def test_http_callers_are_told_that_it_is_not_allowed_and_not_that_the_node_broke() -> None:
    assert status_of(GuardRefused("guard g refused")) == 403


@pytest.mark.parametrize(
    ("verdict", "state", "words"),
    [
        ("verdict: refuse", "refused", "of model m$"),
        ("It is fine.", "failed", "of model m: its model judge gave no verdict$"),
        (EngineCrashed("gone"), "failed", "gave no verdict$"),
    ],
)
async def test_a_judge_that_gives_no_verdict_is_told_from_one_that_refuses(
    caplog, verdict: object, state: str, words: str
) -> None:
    model, judge = ScriptedModel(NodeName("edge")), ScriptedModel(NodeName("edge"))
    model.answer(Script(pieces=("All well.",)))
    judge.answer(verdict)
    port = GuardedModel(model, JUDGE, zone="edge", judges=judge)
    request = GenerateRequest(ModelName("m"), (ChatMessage("user", "How much?"),))
    caplog.set_level(logging.INFO, "leeward.guards")

    with pytest.raises(GuardRefused, match=words):
        _ = [chunk async for chunk in port.generate(request)]

    assert [record.state for record in caplog.records] == [state]


async def test_each_verdict_is_in_the_log_without_content(caplog) -> None:
    with caplog.at_level(logging.INFO, logger="leeward.guards"):
        await passed(WORDS, f"You may {PHRASE}.")

    states = [(record.kind, record.state) for record in caplog.records]
    assert states == [("request", "passed"), ("answer", "refused")]
    assert PHRASE not in f"{[vars(record) for record in caplog.records]}"


@given(st.text(), st.lists(st.integers(0, 40), max_size=6))
def test_folding_piece_by_piece_is_folding_the_whole(text: str, cuts: list[int]) -> None:
    stream = FoldedStream()
    edges = [0, *sorted(cuts), len(text)]

    pieces = [stream.feed(text[start:end]) for start, end in itertools.pairwise(edges)]

    assert "".join(pieces) == FoldedStream().feed(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("{}", "refuses nothing"), ('{words: ["\u200b\u200b"]}', "no character that shows")],
)
def test_a_guard_that_could_refuse_nothing_or_everything_is_no_guard(text, reason) -> None:
    with pytest.raises(ConfigInvalid, match=reason):
        guards(text)
