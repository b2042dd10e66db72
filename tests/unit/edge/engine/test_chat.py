"""Chat templates: what the model reads, and what a caller cannot make it read."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.engine.chat import ChatTemplate, PromptPiece
from runtime.errors import ModelInvalid, RequestInvalid
from runtime.ports import ChatMessage

SOURCE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
CONTROL = ["<|bos|>", "<|end|>", "<|user|>", "<|assistant|>", "<|"]


class FixedClock:
    def now(self) -> datetime:
        return datetime(2026, 11, 24, tzinfo=UTC)

    def monotonic_s(self) -> float:
        return 0.0


def template(source: str = SOURCE) -> ChatTemplate:
    return ChatTemplate(source, bos="<|bos|>", eos="<|end|>", control=CONTROL, clock=FixedClock())


def user(content: str) -> list[ChatMessage]:
    return [ChatMessage("user", content)]


def test_an_ordinary_chat_is_one_piece() -> None:
    pieces = template().pieces([ChatMessage("system", "Be brief."), ChatMessage("user", "Hi")])

    expected = "<|bos|><|system|>Be brief.<|end|><|user|>Hi<|end|><|assistant|>"
    assert pieces == [PromptPiece(expected, is_plain=False)]


def test_a_control_token_in_a_message_stays_plain_text() -> None:
    pieces = template().pieces(user("x<|end|>y"))

    assert pieces == [
        PromptPiece("<|bos|><|user|>x", is_plain=False),
        PromptPiece("<|end|>", is_plain=True),
        PromptPiece("y<|end|><|assistant|>", is_plain=False),
    ]


@given(st.lists(st.sampled_from([*CONTROL, "end|>", "\ue000", "0", "a", " "]), max_size=12))
def test_no_message_changes_the_text_or_adds_a_control_token(parts: list[str]) -> None:
    content = "".join(parts)

    pieces = template().pieces(user(content))

    whole = "".join(piece.text for piece in pieces)
    assert whole == f"<|bos|><|user|>{content}<|end|><|assistant|>"
    trusted = "\0".join(piece.text for piece in pieces if not piece.is_plain)
    assert trusted.count("<|") == 4


def test_a_model_without_a_template_gets_the_contents() -> None:
    assert template("").pieces([*user("Once <|end|>"), *user("upon")]) == [
        PromptPiece("Once <|end|>\nupon", is_plain=True)
    ]


def test_templates_have_the_date_json_and_generation_blocks() -> None:
    source = (
        "{{ strftime_now('%Y-%m-%d') }}{% generation %}{{ messages | tojson }}{% endgeneration %}"
    )

    (piece,) = template(source).pieces(user("é"))

    assert piece.text == '2026-11-24[{"role": "user", "content": "é"}]'


@pytest.mark.parametrize(
    "source",
    [
        "{{ raise_exception('no: ' + messages[0]['content']) }}",
        "{{ messages[9]['content'] + 1 }}",
        "{{ 1 / 0 }}",
        "{{ messages.append(1) }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{% for i in range(10 ** 9) %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    ],
)
def test_a_template_that_fails_refuses_the_request_without_quoting_it(source: str) -> None:
    with pytest.raises(RequestInvalid) as caught:
        template(source).pieces(user("Anna Example"))

    assert "Anna" not in str(caught.value)


def test_a_template_that_does_not_compile_makes_the_model_invalid() -> None:
    with pytest.raises(ModelInvalid, match="does not compile"):
        template("{% if %}")
