"""A model's chat template: from messages and tools to the text that the model was trained on.

The template comes from the model file, so it runs in Jinja's immutable sandbox. Text of a
message that spells a control token (``<|end|>``) must not become one, or a user could write
the assistant's turn: such spellings are marked before rendering, and come back as pieces that
the tokenizer must read as plain text. A template that knows no tools gets them as ordinary text
(``tool_format``).
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import jinja2
import jinja2.meta
from jinja2.ext import Extension
from jinja2.nodes import Node
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from edge.engine.tool_format import (
    ToolFormat,
    format_of,
    plain_turns,
    tools_block,
    with_block,
)
from edge.engine.tool_turns import tool_data, turn_data
from runtime.clock import Clock
from runtime.errors import ModelInvalid, RequestInvalid
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
        self._template = _compile(source, strftime=self._strftime) if source else None
        self._knows_tools = bool(source) and _names_tools(source)
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
        except (jinja2.TemplateError, ArithmeticError, LookupError, TypeError, ValueError):
            # The error's own text may quote a message.
            raise RequestInvalid("the model's chat template refuses these messages") from None

    def _strftime(self, layout: str) -> str:
        return self._clock.now().strftime(layout)


class _GenerationTag(Extension):
    """Passes ``{% generation %}`` blocks through, as Transformers' templates expect."""

    tags = {"generation"}  # noqa: RUF012 - the base class declares it so

    def parse(self, parser: Parser) -> Node | list[Node]:
        parser.stream.skip(1)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=jinja2.BaseLoader(),
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[_GenerationTag, "jinja2.ext.loopcontrols"],
    )


def _names_tools(source: str) -> bool:
    """Whether a template that compiles looks at the tools that it is given."""
    return "tools" in jinja2.meta.find_undeclared_variables(_environment().parse(source))


def _compile(source: str, *, strftime: Callable[[str], str]) -> jinja2.Template:
    environment = _environment()
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = strftime
    try:
        return environment.from_string(source)
    except (jinja2.TemplateError, RecursionError):
        raise ModelInvalid("its chat template does not compile") from None


def _to_json(
    value: Any,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    *,
    ensure_ascii: bool = False,
    sort_keys: bool = False,
) -> str:
    """Write JSON as Transformers does for templates: not escaped for HTML."""
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _unused_character(messages: Sequence[ChatMessage], tools: Sequence[ToolDefinition]) -> str:
    texts = [message.content for message in messages]
    if tools or any(message.tool_calls or message.tool_call_id for message in messages):
        # What templates see of arguments and schemas is read from JSON, escapes and all.
        texts.append(json.dumps([turn_data(messages), tool_data(tools)], ensure_ascii=False))
    for code in _PRIVATE_USE:
        if not any(chr(code) in text for text in texts):
            return chr(code)
    raise RequestInvalid("the messages use every private character")
