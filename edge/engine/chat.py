"""A model's chat template: from messages to the text that the model was trained on.

The template comes from the model file, so it runs in Jinja's immutable sandbox. Text of a
message that spells a control token (``<|end|>``) must not become one, or a user could write
the assistant's turn: such spellings are marked before rendering, and come back as pieces that
the tokenizer must read as plain text.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import jinja2
from jinja2.ext import Extension
from jinja2.nodes import Node
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from runtime.clock import Clock
from runtime.errors import ModelInvalid, RequestInvalid
from runtime.ports import ChatMessage

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

    def pieces(self, messages: Sequence[ChatMessage]) -> list[PromptPiece]:
        """Render a chat up to where the assistant's answer begins.

        A model without a template gets the contents, one per line.

        Raises:
            RequestInvalid: The template refuses these messages.
        """
        if self._template is None:
            text = "\n".join(message.content for message in messages)
            return [PromptPiece(text, is_plain=True)]
        mark = _unused_character(messages)
        found: list[str] = []

        def hide(match: re.Match[str]) -> str:
            found.append(match.group())
            return f"{mark}{len(found) - 1}{mark}"

        turns = [
            {"role": message.role, "content": self._spelling.sub(hide, message.content)}
            for message in messages
        ]
        parts = self._render(self._template, turns).split(mark)
        return [
            PromptPiece(found[int(part)], is_plain=True)
            if number % 2
            else PromptPiece(part, is_plain=False)
            for number, part in enumerate(parts)
            if part
        ]

    def _render(self, template: jinja2.Template, turns: list[dict[str, str]]) -> str:
        try:
            return template.render(messages=turns, add_generation_prompt=True, **self._tokens)
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


def _compile(source: str, *, strftime: Callable[[str], str]) -> jinja2.Template:
    environment = ImmutableSandboxedEnvironment(
        loader=jinja2.BaseLoader(),
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[_GenerationTag, "jinja2.ext.loopcontrols"],
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = strftime
    try:
        return environment.from_string(source)
    except (jinja2.TemplateError, RecursionError):
        raise ModelInvalid("its chat template does not compile") from None


def _to_json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _unused_character(messages: Sequence[ChatMessage]) -> str:
    used = set().union(*(message.content for message in messages))
    for code in _PRIVATE_USE:
        if chr(code) not in used:
            return chr(code)
    raise RequestInvalid("the messages use every private character")
