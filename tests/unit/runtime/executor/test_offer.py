"""A chat and its tools as texts for releases: nothing is missed, and JSON stays JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import GateRefused
from runtime.executor.offer import Offer
from runtime.ports import ChatMessage, ToolCall, ToolDefinition

text = st.text(max_size=6)
calls = st.builds(ToolCall, st.just("c"), st.just("dose"), text)
turns = st.builds(ChatMessage, st.just("assistant"), text, st.lists(calls, max_size=2).map(tuple))
tools = st.builds(ToolDefinition, st.just("dose"), text, text)
offers = st.builds(
    Offer, st.lists(turns, max_size=3).map(tuple), st.lists(tools, max_size=2).map(tuple)
)


@given(offers)
def test_texts_that_come_back_unchanged_change_nothing_but_the_layout_of_json(offer: Offer) -> None:
    back = offer.with_texts(offer.texts())

    assert back.texts() == offer.texts()
    assert [turn.content for turn in back.messages] == [turn.content for turn in offer.messages]
    for before, after in zip(offer.tools, back.tools, strict=True):
        assert _value(after.parameters) == _value(before.parameters)


def test_a_name_hidden_in_escapes_is_read_as_it_is() -> None:
    call = ToolCall("c", "dose", json.dumps({"patient": "Zoë Żuk"}))
    assert "Zoë" not in call.arguments

    texts = Offer((ChatMessage("assistant", "", (call,)),)).texts()

    assert texts[-1].content == '{"patient": "Zoë Żuk"}'


def test_each_text_goes_back_to_where_it_came_from() -> None:
    offer = Offer(
        (ChatMessage("user", "a"), ChatMessage("assistant", "b", (ToolCall("c", "dose", '"c"'),))),
        (ToolDefinition("dose", "d", '"e"'), ToolDefinition("now")),
    )
    upper = [ChatMessage(turn.role, turn.content.upper()) for turn in offer.texts()]

    changed = offer.with_texts(upper)

    assert [turn.content for turn in changed.messages] == ["A", "B"]
    assert changed.messages[1].tool_calls == (ToolCall("c", "dose", '"C"'),)
    assert changed.tools == (ToolDefinition("dose", "D", '"E"'), ToolDefinition("now"))


def test_arguments_that_would_be_no_json_any_more_do_not_pass() -> None:
    offer = Offer((ChatMessage("assistant", "", (ToolCall("c", "dose", '{"phone": 5551234}'),)),))
    *turns, _ = offer.texts()

    with pytest.raises(GateRefused, match="JSON"):
        offer.with_texts([*turns, ChatMessage("tool", '{"phone": <PHONE_1>}')])


def _value(json_text: str) -> object:
    try:
        return json.loads(json_text)
    except ValueError:
        return json_text
