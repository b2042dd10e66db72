"""Calls that are told while they are written: pieces add up, and nothing told is taken back."""

import json
from collections.abc import Sequence
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.engine.tool_reading import ToolCallReader
from runtime.ports import ToolCall, ToolCallPiece

NAMES = frozenset({"weather", "now"})
ARGUMENTS = '{"city": "{Łódź}\\\\\\"", "days": [1, {"to": 2}]}'
CALL = f'{{"name": "weather", "arguments": {ARGUMENTS}}}'
NOW = '{"name": "now", "arguments": {}}'


class Told:
    """What a reader of an answer's stream has been told, put together as clients do it."""

    def __init__(self, *, only_at_start: bool = False, most_calls: int = 128) -> None:
        numbers = count(1)
        self._reader = ToolCallReader(
            NAMES,
            new_id=lambda: f"call_{next(numbers)}",
            only_at_start=only_at_start,
            most_calls=most_calls,
        )
        self.shown = ""
        self.pieces: list[ToolCallPiece] = []

    def feed(self, text: str) -> None:
        self.shown += self._reader.feed(text)
        pieces = self._reader.take_pieces()
        places = [piece.place for piece in pieces]
        assert places == sorted(set(places)), "one piece of each call, in their order"
        self.pieces += pieces

    def finish(self, *, is_cut: bool = False) -> tuple[str, tuple[ToolCall, ...]]:
        return self._reader.finish(is_cut=is_cut)

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        calls: list[ToolCall] = []
        for piece in self.pieces:
            if piece.place == len(calls):
                assert piece.id
                assert piece.name
                calls.append(ToolCall(piece.id, piece.name, ""))
            else:
                assert not piece.id
            call = calls[piece.place]
            calls[piece.place] = ToolCall(call.id, call.name, call.arguments + piece.arguments)
        return tuple(calls)


def cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@pytest.mark.parametrize(
    ("text", "only_at_start"),
    [
        (f"<tool_call>\n{CALL}\n</tool_call>", False),
        (f"Let me see. <tool_call>{CALL}</tool_call>\n<tool_call>{NOW}</tool_call>", False),
        (f"[TOOL_CALLS][{CALL}, {NOW}]", False),
        (f"<|python_tag|>{CALL.replace('arguments', 'parameters')}", False),
        (f"<tool_call>\n{CALL}\n</tool_call>\n<tool_call>\n{NOW}\n</tool_call>", True),
        (f"{CALL}\n{NOW}", True),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 17, 1000])
def test_pieces_add_up_to_the_calls_of_the_end(text: str, only_at_start: bool, size: int) -> None:
    told = Told(only_at_start=only_at_start)

    for piece in cut(text, size):
        told.feed(piece)
    rest, calls = told.finish()

    assert calls == told.calls
    assert not rest
    assert calls[0] == ToolCall("call_1", "weather", ARGUMENTS)
    assert [call.name for call in calls[1:]] == ["now"] * text.count('"now"')


def test_a_name_is_told_with_the_first_argument_and_the_others_as_they_come() -> None:
    told = Told()

    for piece in ("<tool_call>", '{"name": "weather", "arguments": ', '{"city": ', '"Oslo"', "}}"):
        told.feed(piece)

    assert told.pieces == [
        ToolCallPiece(0, '{"city": ', "call_1", "weather"),
        ToolCallPiece(0, '"Oslo"'),
        ToolCallPiece(0, "}"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        CALL,  # without a mark it may yet be a text about a call
        '<tool_call>{"name": "unknown", "arguments": {}}</tool_call>',
        '<tool_call>{"type": "function", "name": "now", "arguments": {}}</tool_call>',
        '<tool_call>{"name": "now", "arguments": "{}"}</tool_call>',
        '<tool_call>{"name": "now"}</tool_call>',
        "<tool_call>" + " " * 2000 + NOW,
    ],
)
def test_what_may_be_no_call_yet_is_not_told(text: str) -> None:
    told = Told()

    for piece in cut(text, 5):
        told.feed(piece)

    assert told.pieces == []
    rest, calls = told.finish()
    assert calls or told.shown + rest == text


def test_arguments_that_are_no_json_are_as_the_model_wrote_them() -> None:
    told = Told()

    told.feed('<tool_call>{"name": "weather", "arguments": {"days": NaN}}</tool_call> Done.')

    rest, calls = told.finish()
    assert calls == told.calls == (ToolCall("call_1", "weather", '{"days": NaN}'),)
    assert rest == "Done."


def test_arguments_that_never_end_are_a_call_as_far_as_they_go() -> None:
    told = Told()

    told.feed('<tool_call>{"name": "weather", "arguments": {"days": [1')

    assert told.finish() == ("", told.calls)
    assert told.calls[0].arguments == '{"days": [1'


@pytest.mark.parametrize("end", [20, 60, 90, 140])
def test_a_cut_answer_holds_no_calls_and_repeats_nothing_that_was_told(end: int) -> None:
    text = f"<tool_call>{CALL}</tool_call><tool_call>{CALL}</tool_call>"
    told = Told()
    told.feed(text[:end])

    rest, calls = told.finish(is_cut=True)

    assert calls == ()
    assert rest == ("" if told.pieces else text[:end])


def test_one_call_is_all_where_no_more_are_wanted() -> None:
    for text in (f"<tool_call>{NOW}</tool_call>\n<tool_call>{CALL}</tool_call>", f"{NOW}; {CALL}"):
        told = Told(most_calls=1)
        told.feed(text)

        rest, calls = told.finish()

        assert not rest
        assert [call.name for call in calls] == ["now"]
        assert len(told.calls) <= 1


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
ASKED = st.lists(
    st.tuples(st.sampled_from(sorted(NAMES)), st.dictionaries(st.text(max_size=5), VALUES)),
    min_size=1,
    max_size=4,
)


@given(ASKED, st.lists(st.integers(1, 40), min_size=1, max_size=30), st.booleans())
def test_any_arguments_are_told_whole_whatever_the_borders(
    asked: list[tuple[str, dict[str, object]]], sizes: Sequence[int], is_ascii: bool
) -> None:
    said = [json.dumps(arguments, ensure_ascii=is_ascii) for _, arguments in asked]
    text = "\n".join(
        f'<tool_call>\n{{"name": "{name}", "arguments": {written}}}\n</tool_call>'
        for (name, _), written in zip(asked, said, strict=True)
    )
    told = Told()

    for size in sizes:
        told.feed(text[:size])
        text = text[size:]
    told.feed(text)

    assert told.finish() == ("", told.calls)
    assert [call.arguments for call in told.calls] == said
    assert [call.name for call in told.calls] == [name for name, _ in asked]
