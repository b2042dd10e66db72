"""Tools in a prompt: as the template writes them, or as text where it knows none."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.engine.chat import ChatTemplate
from edge.engine.tool_format import tools_block
from runtime.errors import RequestInvalid
from runtime.ports import ChatMessage, ToolCall, ToolDefinition

KNOWS_NONE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>"
    "{% endfor %}<|assistant|>"
)
REFUSES_SYSTEM = (
    "{% for message in messages %}{% if message.role == 'system' %}"
    "{{ raise_exception('no system') }}{% endif %}<|{{ message.role }}|>{{ message.content }}"
    "<|end|>{% endfor %}<|assistant|>"
)
TAGGED = (
    "{% if tools %}<tools>{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}</tools>"
    "{% endif %}{% for message in messages %}<|{{ message.role }}|>{{ message.content }}"
    "{% for call in message.tool_calls %}<tool_call>"
    '{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}'
    "</tool_call>{% endfor %}<|end|>{% endfor %}<|assistant|>"
)
LISTED = (
    "{% for message in messages %}{% if message.tool_calls %}[TOOL_CALLS]"
    "{% for call in message.tool_calls %}{{ call.id }}{% endfor %}"
    "{% elif message.role == 'tool' %}{{ message.tool_call_id }} {{ message.name }}"
    "{% endif %}{% endfor %}{% if tools is not none %}{{ tools | length }}{% endif %}"
)
WEATHER = ToolDefinition(
    "weather", "Tells the weather.", '{"type":"object","properties":{"city":{"type":"string"}}}'
)
ASKED = ToolCall("call_1", "weather", '{"city": "Łódź"}')
CHAT = (
    ChatMessage("user", "Weather?"),
    ChatMessage("assistant", "", tool_calls=(ASKED,)),
    ChatMessage("tool", "rain", tool_call_id="call_1"),
)


class FixedClock:
    def now(self) -> datetime:
        return datetime(2026, 11, 24, tzinfo=UTC)

    def monotonic_s(self) -> float:
        return 0.0


def template(source: str) -> ChatTemplate:
    control = ["<|end|>", "<|assistant|>", "<|user|>"]
    return ChatTemplate(source, bos="", eos="<|end|>", control=control, clock=FixedClock())


def prompt(
    source: str, chat: Sequence[ChatMessage], tools: Sequence[ToolDefinition] = (WEATHER,)
) -> str:
    return "".join(piece.text for piece in template(source).pieces(chat, tools))


def test_a_template_that_knows_tools_gets_them_as_data() -> None:
    text = prompt(TAGGED, CHAT)

    told = json.loads(text.partition("<tools>")[2].partition("\n")[0])
    assert told["function"]["name"] == "weather"
    assert told["function"]["parameters"]["properties"] == {"city": {"type": "string"}}
    assert '{"name": "weather", "arguments": {"city": "Łódź"}}' in text


def test_without_tools_such_a_template_is_told_of_none() -> None:
    assert prompt(TAGGED, CHAT[:1], ()) == "<|user|>Weather?<|end|><|assistant|>"
    assert prompt(LISTED, CHAT[:1], ()) == ""


def test_calls_and_results_of_listed_templates_have_the_same_short_number() -> None:
    text = prompt(LISTED, CHAT)

    called, _, result = text.removeprefix("[TOOL_CALLS]").partition(" ")
    assert len(called) == 18
    assert called[:9] == called[9:]
    assert result == "weather1"


def test_a_template_that_knows_none_gets_a_block_of_text() -> None:
    text = prompt(KNOWS_NONE, CHAT)

    assert text == (
        f"<|system|>{tools_block([WEATHER])}<|end|><|user|>Weather?<|end|>"
        '<|assistant|><tool_call>\n{"name": "weather", "arguments": {"city": "Łódź"}}\n'
        "</tool_call><|end|><|user|><tool_response>\nrain\n</tool_response><|end|><|assistant|>"
    )


def test_the_block_stands_behind_the_callers_own_instructions() -> None:
    text = prompt(KNOWS_NONE, (ChatMessage("system", "Be brief."), *CHAT[:1]))

    assert text.startswith(f"<|system|>Be brief.\n\n{tools_block([WEATHER])}<|end|><|user|>")


def test_a_template_that_refuses_system_turns_gets_the_block_in_the_first_turn() -> None:
    text = prompt(REFUSES_SYSTEM, CHAT[:1])

    assert text == f"<|user|>{tools_block([WEATHER])}\n\nWeather?<|end|><|assistant|>"


def test_a_template_that_refuses_the_chat_in_any_form_says_so() -> None:
    with pytest.raises(RequestInvalid):
        prompt("{{ raise_exception('never') }}", CHAT)


def test_results_in_a_row_are_one_turn() -> None:
    chat = (*CHAT, ChatMessage("tool", "wind", tool_call_id="call_2"))

    text = prompt(KNOWS_NONE, chat, ())

    responses = "<tool_response>\nrain\n</tool_response>\n<tool_response>\nwind\n</tool_response>"
    assert f"<|user|>{responses}<|end|>" in text


@pytest.mark.parametrize(
    ("source", "tool_format"),
    [
        (TAGGED, "tagged"),
        (KNOWS_NONE, "tagged"),
        ("", "tagged"),
        (LISTED, "listed"),
        ("{{ tools }}<|python_tag|>", "parameters"),
        ("{{ tools }}", "bare"),
    ],
)
def test_the_format_of_calls_is_that_of_the_template(source: str, tool_format: str) -> None:
    assert template(source).tool_format == tool_format


texts = st.lists(st.sampled_from(["<|end|>", "<|user|>", '"', "\\", "a", "\ue000"])).map("".join)


@pytest.mark.parametrize("source", [TAGGED, KNOWS_NONE])
@given(argument=texts, description=texts, result=texts)
def test_nothing_in_tools_or_calls_becomes_a_control_token(
    source: str, argument: str, description: str, result: str
) -> None:
    tool = ToolDefinition("weather", description)
    call = ToolCall("call_1", "weather", json.dumps({"city": argument}))
    chat = (
        ChatMessage("user", "Weather?"),
        ChatMessage("assistant", "", tool_calls=(call,)),
        ChatMessage("tool", result, tool_call_id="call_1"),
    )

    def control_tokens(pieces: Sequence[ToolDefinition], turns: Sequence[ChatMessage]) -> int:
        found = template(source).pieces(turns, pieces)
        return sum(piece.text.count("<|") for piece in found if not piece.is_plain)

    harmless = (CHAT[0], ChatMessage("assistant", "", (ASKED,)), CHAT[2])
    assert control_tokens([tool], chat) == control_tokens([WEATHER], harmless)
