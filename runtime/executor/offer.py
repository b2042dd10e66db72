"""What a request gives a model to read: its chat, and the tools that it may ask for.

A release sees it as a row of texts, so that what is in a tool's definition, in the arguments of
a call or in its result is found and removed like anything else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from runtime.errors import GateRefused
from runtime.ports import ChatMessage, ToolDefinition

__all__ = ["Offer"]

_ROLE: Final = "tool"
"""Of the turns that stand for a text beside the chat."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A chat and the tools of its request. JSON in it is read as text, without escapes."""

    messages: tuple[ChatMessage, ...]
    tools: tuple[ToolDefinition, ...] = ()

    def texts(self) -> tuple[ChatMessage, ...]:
        """Return every text: the turns of the chat in their order, then those beside it."""
        beside = [_unescaped(call.arguments) for turn in self.messages for call in turn.tool_calls]
        for tool in self.tools:
            beside += [tool.description, _unescaped(tool.parameters)]
        return (*self.messages, *(ChatMessage(_ROLE, text) for text in beside))

    def with_texts(self, texts: Sequence[ChatMessage]) -> Offer:
        """Return the same with other texts, given in the order of ``texts()``.

        Raises:
            GateRefused: What was JSON is none any more; a number was replaced, for example.
        """
        turns = texts[: len(self.messages)]
        rest = iter([text.content for text in texts[len(self.messages) :]])
        messages = tuple(
            replace(
                turn,
                content=text.content,
                tool_calls=tuple(
                    replace(call, arguments=_sound(call.arguments, next(rest)))
                    for call in turn.tool_calls
                ),
            )
            for turn, text in zip(self.messages, turns, strict=True)
        )
        return Offer(messages, tuple(_told(self.tools, rest)))


def _told(tools: Sequence[ToolDefinition], rest: Iterator[str]) -> Iterator[ToolDefinition]:
    for tool in tools:
        description = next(rest)
        yield replace(tool, description=description, parameters=_sound(tool.parameters, next(rest)))


def _unescaped(text: str) -> str:
    """Return JSON with every character as itself, where that is possible; else the text."""
    try:
        plain = json.dumps(json.loads(text), ensure_ascii=False)
        plain.encode()
    except (ValueError, RecursionError):
        return text
    return plain


def _sound(before: str, after: str) -> str:
    if _is_json(before) and not _is_json(after):
        raise GateRefused("a release would leave a tool's arguments or schema that are no JSON")
    return after


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
