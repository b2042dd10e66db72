"""Calls of tools reach the caller in pieces, and all of them by the end of the answer."""

from runtime.executor.events import AnswerDelta, AnswerFinished
from runtime.executor.told_calls import ToldCalls
from runtime.ports import FinishReason, ToolCall, ToolCallPiece
from runtime.testing.fakes import Script
from runtime.testing.plans import graph_of, plan_of

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
