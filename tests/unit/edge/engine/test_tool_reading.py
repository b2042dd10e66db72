"""Finding calls of tools in answers: every format, whatever the borders of the pieces."""

import json
from collections.abc import AsyncGenerator, Sequence
from itertools import count
from time import process_time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge.engine.frames import Finished
from edge.engine.tool_reading import ToolCallReader
from edge.engine.tool_use import ReadAnswer
from edge.engine.tool_use import read as read_answer
from runtime.ports import FinishReason, TextDelta, Timings, ToolCall, Usage

NAMES = frozenset({"weather", "now"})
ARGUMENTS = '{"city": "Łódź", "days": [1, 2.5]}'
CALL = f'{{"name": "weather", "arguments": {ARGUMENTS}}}'


def read(
    pieces: Sequence[str], *, is_cut: bool = False, only_at_start: bool = False
) -> tuple[str, str, tuple[ToolCall, ...]]:
    numbers = count(1)
    reader = ToolCallReader(
        NAMES, new_id=lambda: f"call_{next(numbers)}", only_at_start=only_at_start
    )
    shown = "".join(reader.feed(piece) for piece in pieces)
    rest, calls = reader.finish(is_cut=is_cut)
    return shown, rest, calls


FORMATS = {
    "tagged": f"<tool_call>\n{CALL}\n</tool_call>",
    "tagged without its end": f"<tool_call>{CALL}",
    "listed": f"[TOOL_CALLS][{CALL}]",
    "listed without its mark": f" [{CALL}]",
    "python tag": f'<|python_tag|>{{"name": "weather", "parameters": {ARGUMENTS}}}',
    "parameters": f'{{"type": "function", "name": "weather", "parameters": {ARGUMENTS}}}',
    "bare": f"\n{CALL}\n",
    "openai": f'[{{"id": "x", "type": "function", "function": {CALL}}}]',
    "arguments as text": json.dumps({"name": "weather", "arguments": ARGUMENTS}),
}


@pytest.mark.parametrize("text", FORMATS.values(), ids=FORMATS.keys())
def test_a_call_is_found_in_every_format(text: str) -> None:
    assert read([text]) == ("", "", (ToolCall("call_1", "weather", ARGUMENTS),))


@pytest.mark.parametrize("text", FORMATS.values(), ids=FORMATS.keys())
def test_the_borders_of_pieces_make_no_difference(text: str) -> None:
    for size in (1, 2, 7):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]

        assert read(pieces) == read([text])


def test_several_calls_come_in_their_order() -> None:
    other = '{"name": "now", "arguments": {}}'
    expected = (ToolCall("call_1", "weather", ARGUMENTS), ToolCall("call_2", "now", "{}"))

    for text in (
        f"<tool_call>{CALL}</tool_call>\n<tool_call>{other}</tool_call>",
        f"[TOOL_CALLS][{CALL}, {other}]",
        f"{CALL}; {other}",
    ):
        assert read([text]) == ("", "", expected)


def test_text_before_a_mark_is_shown_at_once_and_text_behind_the_calls_at_the_end() -> None:
    shown, rest, calls = read(["I look. <tool", f"_call>{CALL}</tool_call>", " Done."])

    assert (shown, rest) == ("I look. ", "Done.")
    assert [call.name for call in calls] == ["weather"]


def test_a_tool_without_arguments_needs_a_mark() -> None:
    assert read(['<tool_call>{"name": "now"}</tool_call>'])[2] == (ToolCall("call_1", "now", "{}"),)
    assert read(['{"name": "now"}']) == ("", '{"name": "now"}', ())


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "unknown", "arguments": {}}',
        '<tool_call>{"name": "unknown", "arguments": {}}</tool_call>',
        '{"name": "weather", "arguments": [1]}',
        '{"name": "weather", "arguments": {"a": NaN}}',
        '{"name": "weather", "arguments": {"a": 1e999}}',
        '{"name": "weather", "arguments": {"a": ',
        f"{CALL} and so on",
        "[" * 5000,
        '{"name": ' * 5000,
        "<tool_call>",
        "[TOOL_CALLS] none",
        " ",
    ],
)
def test_what_is_no_call_of_an_offered_tool_is_shown_as_it_is(text: str) -> None:
    shown, rest, calls = read([text])

    assert calls == ()
    assert shown + rest == text


def test_an_ordinary_answer_is_not_held_back() -> None:
    assert read(["The sum", " is <b>5</b>."])[0] == "The sum is <b>5</b>."
    assert read(['{"answer": 5', "}"])[0] == '{"answer": 5}'
    assert read(["[1, 2]"])[0] == "[1, 2]"


def test_an_answer_of_commas_is_read_at_once() -> None:
    answer = "<tool_call>" + "," * 300_000
    since_s = process_time()

    assert read([answer]) == ("", answer, ())
    assert process_time() - since_s < 2.0


def test_a_call_that_the_limit_cut_is_none() -> None:
    text = f'[{CALL}, {{"name": "now", "argu'

    assert read([text], is_cut=True) == ("", text, ())
    assert read([f"<tool_call>{CALL}</tool_call>"], is_cut=True)[2]


def test_where_a_grammar_saw_to_it_only_the_beginning_can_be_a_call() -> None:
    text = f"Write <tool_call>{CALL}</tool_call>."

    assert read([text], only_at_start=True) == (text, "", ())
    assert read([CALL], only_at_start=True)[2]


def test_arguments_that_no_text_can_hold_stay_escaped() -> None:
    text = '{"name": "weather", "arguments": {"city": "\\ud800"}}'

    assert read([text])[2] == (ToolCall("call_1", "weather", '{"city": "\\ud800"}'),)


tokens = st.sampled_from(
    ["<tool_call>", "</tool_call>", "[TOOL_CALLS]", "<|python_tag|>", "<", "[", "{", "]", "}",
     CALL, '{"name":', '"now"', ",", ";", '"', "\\", "x", " ", "\n", "1"]
)  # fmt: skip


@given(st.lists(tokens, max_size=12), st.booleans(), st.booleans())
@example(["<tool_call>", CALL, "<tool_call>"], False, True)
def test_nothing_is_lost_unless_it_became_a_call(
    pieces: list[str], only_at_start: bool, is_cut: bool
) -> None:
    whole = "".join(pieces)
    reader = ToolCallReader(NAMES, new_id=lambda: "call", only_at_start=only_at_start)

    shown = "".join(reader.feed(piece) for piece in pieces)
    told = reader.take_pieces()
    rest, calls = reader.finish(is_cut=is_cut)

    assert whole.startswith(shown)
    if calls:
        assert whole[len(shown) :].rstrip().endswith(rest)
        assert whole.count('"name"') >= len(calls)
    elif told:
        assert is_cut
        assert not rest
    else:
        assert shown + rest == whole
    again = read([whole], only_at_start=only_at_start, is_cut=is_cut)[2]
    assert [(call.name, call.arguments) for call in again] == [
        (call.name, call.arguments) for call in calls
    ]


async def test_a_call_that_is_held_back_still_shows_that_the_model_is_alive() -> None:
    pieces = [TextDelta(piece) for piece in ("[", CALL, "]")]
    usage = Usage(completion_tokens=3)

    async def answer() -> AsyncGenerator[TextDelta | Finished, None]:
        for piece in pieces:
            yield piece
        yield Finished(1, FinishReason.STOP, usage, Timings())

    reader = ToolCallReader(NAMES, new_id=lambda: "call_1")
    *deltas, end = [item async for item in read_answer(answer(), reader)]

    assert deltas == [TextDelta("", 1)] * 3
    assert isinstance(end, ReadAnswer)
    assert end.finish_reason is FinishReason.TOOL_CALLS
    assert end.tool_calls == (ToolCall("call_1", "weather", ARGUMENTS),)
