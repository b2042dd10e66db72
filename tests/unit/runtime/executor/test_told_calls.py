"""Calls of tools reach the caller in pieces, and all of them by the end of the answer."""

from dataclasses import replace

import pytest

from runtime.executor.events import AnswerDelta, AnswerFinished
from runtime.executor.told_calls import ToldCalls
from runtime.labels import Label
from runtime.ports import FinishReason, ToolCall, ToolCallPiece
from runtime.testing.fakes import FakeReleases, Script
from runtime.testing.plans import POLICY, graph_of, plan_of, redact

CALLS = (ToolCall("a", "dose", '{"mg": 1}'), ToolCall("b", "now", "{}"))
BEGUN = (ToolCallPiece(0, '{"mg"', "a", "dose"), ToolCallPiece(0, ": "))


def test_what_was_told_is_not_told_again() -> None:
    told = ToldCalls()
    told.note(BEGUN)

    rest = told.rest(CALLS)

    assert rest == (ToolCallPiece(0, "1}"), ToolCallPiece(1, "{}", "b", "now"))
    told.note(rest)
    assert told.rest(CALLS) == ()


async def test_a_caller_is_told_the_rest_before_the_answer_ends(bench) -> None:
    bench.near.answer(
        Script(
            "",
            pieces=(),
            call_pieces=BEGUN,
            tool_calls=CALLS,
            finish_reason=FinishReason.TOOL_CALLS,
        )
    )

    ran = await bench.run(plan_of(graph_of("only: {role: assistant}")))

    pieces = [piece for delta in ran.of(AnswerDelta) for piece in delta.tool_calls]
    assert pieces == [*BEGUN, ToolCallPiece(0, "1}"), ToolCallPiece(1, "{}", "b", "now")]
    assert ran.of(AnswerFinished)[0].tool_calls == CALLS
    names = ran.names()
    assert names.index("AnswerFinished") > max(
        at for at, name in enumerate(names) if name == "AnswerDelta"
    )


async def test_only_the_answers_own_step_tells_of_calls(bench) -> None:
    graph = graph_of("draft: {role: assistant}\nfinal: {role: assistant}", "draft -> final")
    bench.near.answer(Script("3", call_pieces=BEGUN, tool_calls=CALLS), step="draft")
    bench.near.answer("4", step="final")

    ran = await bench.run(plan_of(graph))

    assert not any(delta.tool_calls for delta in ran.of(AnswerDelta))


@pytest.mark.parametrize("restores", [True, False])
async def test_calls_with_placeholders_are_told_when_they_are_whole(bench, restores: bool) -> None:
    """A placeholder may be cut by the border of a piece; the caller sees it as the policy says."""
    bench.releases = FakeReleases({"Anna": "person"})
    bench.policy = replace(POLICY, restore_tool_arguments=restores)
    plan = plan_of(
        graph_of("only: {role: assistant}"),
        label=Label.of("person"),
        cloud={"only"},
        released={"only"},
        releases=(redact("person"),),
    )
    written = '{"who": "<PERSON_1>"}'
    pieces = (ToolCallPiece(0, written[:12], "a", "dose"), ToolCallPiece(0, written[12:]))
    bench.far.answer(
        Script("", pieces=(), call_pieces=pieces, tool_calls=(ToolCall("a", "dose", written),))
    )

    ran = await bench.run(plan, "Who is Anna?")

    seen = '{"who": "Anna"}' if restores else written
    told = [piece for delta in ran.of(AnswerDelta) for piece in delta.tool_calls]
    assert told == [ToolCallPiece(0, seen, "a", "dose")]
    assert ran.of(AnswerFinished)[0].tool_calls == (ToolCall("a", "dose", seen),)
