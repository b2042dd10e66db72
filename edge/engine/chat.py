"""A model's chat template: from messages and tools to the text that the model was trained on.

The template comes from the model file, so it runs in Jinja's immutable sandbox. Text of a
message that spells a control token (``<|end|>``) must not become one, or a user could write
the assistant's turn: such spellings are marked before rendering, and come back as pieces that
the tokenizer must read as plain text. A template that knows no tools gets them as ordinary text
(``tool_format``).
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import jinja2

from edge.engine.tool_format import (
    ToolFormat,
    format_of,
    plain_turns,
    tools_block,
    with_block,
)
from edge.engine.tool_turns import tool_data, turn_data
from runtime.chat_template import REFUSALS, compile_template, names_tools
from runtime.clock import Clock
from runtime.errors import RequestInvalid
from runtime.ports import ChatMessage, ToolDefinition

__all__ = ["ChatTemplate", "PromptPiece"]

_PRIVATE_USE: Final = range(0xE000, 0xF900)


@dataclass(frozen=True, slots=True)
class PromptPiece:
    """A stretch of prompt text."""

    text: str
    is_plain: bool
    """True when spellings of control tokens in it mean nothing."""


class ChatTemplate:
    """One model's template, compiled.

    Args:
        source: Jinja text from the model file; empty for a model that only completes text.
        bos: Text of the token that begins a sequence.
        eos: Text of the token that ends one.
        control: Texts of all control tokens of the vocabulary.
        clock: Gives templates their date.

    Raises:
        ModelInvalid: The template does not compile.
    """

    def __init__(
        self, source: str, *, bos: str, eos: str, control: Sequence[str], clock: Clock
    ) -> None:
        self._clock = clock
        self._tokens = {"bos_token": bos, "eos_token": eos}
        spellings = sorted((text for text in control if text), key=len, reverse=True)
        self._spelling = re.compile("|".join(map(re.escape, spellings)) or r"(?!)")
        self._template = compile_template(source, strftime=self._strftime) if source else None
        self._knows_tools = bool(source) and names_tools(source)
        self.tool_format: ToolFormat = format_of(source) if self._knows_tools else "tagged"
        """How the model writes that it asks for a tool."""

    def pieces(
        self, messages: Sequence[ChatMessage], tools: Sequence[ToolDefinition] = ()
    ) -> list[PromptPiece]:
        """Render a chat up to where the assistant's answer begins.

        A model without a template gets the contents, one per line.

        Args:
            messages: The chat.
            tools: What the model may ask for.

        Raises:
            RequestInvalid: The template refuses these messages.
        """
        if self._knows_tools:
            return self._rendered(messages, tools)
        turns = plain_turns(messages)
        if not tools:
            return self._rendered(turns)
        block = tools_block(tools)
        try:
            return self._rendered(with_block(turns, block, in_system=True))
        except RequestInvalid:  # some templates refuse system turns
            return self._rendered(with_block(turns, block, in_system=False))

    def _rendered(
        self, messages: Sequence[ChatMessage], tools: Sequence[ToolDefinition] = ()
    ) -> list[PromptPiece]:
        if self._template is None:
            text = "\n".join(message.content for message in messages)
            return [PromptPiece(text, is_plain=True)]
        mark = _unused_character(messages, tools)
        found: list[str] = []

        def hide(match: re.Match[str]) -> str:
            found.append(match.group())
            return f"{mark}{len(found) - 1}{mark}"

        def hidden(text: str) -> str:
            return self._spelling.sub(hide, text)

        turns = turn_data(messages, change=hidden, tool_format=self.tool_format)
        told = tool_data(tools, change=hidden) or None
        parts = self._render(self._template, turns, told).split(mark)
        return [
            PromptPiece(found[int(part)], is_plain=True)
            if number % 2
            else PromptPiece(part, is_plain=False)
            for number, part in enumerate(parts)
            if part
        ]

    def _render(
        self,
        template: jinja2.Template,
        turns: list[dict[str, Any]],
        tools: list[dict[str, Any]] | None,
    ) -> str:
        try:
            return template.render(
                messages=turns, tools=tools, add_generation_prompt=True, **self._tokens
            )
        except REFUSALS:
            # The error's own text may quote a message.
            raise RequestInvalid("the model's chat template refuses these messages") from None

    def _strftime(self, layout: str) -> str:
        return self._clock.now().strftime(layout)


def _unused_character(messages: Sequence[ChatMessage], tools: Sequence[ToolDefinition]) -> str:
    texts = [message.content for message in messages]
    if tools or any(message.tool_calls or message.tool_call_id for message in messages):
        # What templates see of arguments and schemas is read from JSON, escapes and all.
        texts.append(json.dumps([turn_data(messages), tool_data(tools)], ensure_ascii=False))
    for code in _PRIVATE_USE:
        if not any(chr(code) in text for text in texts):
            return chr(code)
    raise RequestInvalid("the messages use every private character")
