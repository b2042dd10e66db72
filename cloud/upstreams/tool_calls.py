"""Calls of tools as a stream brings them: in pieces, several at once, each by its place.

They are passed on whole, with the completion: half a call is of no use to anybody, and until then
another provider can be asked instead.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from runtime.codec.bounds import MAX_NAME_CHARS, MAX_TOOLS
from runtime.ports import GenerateRequest, ToolCall

__all__ = ["NoToolCalls", "ToolCallReading"]

_MAX_ARGUMENT_CHARS: Final = 1_000_000


class NoToolCalls(Exception):
    """What came is no piece of a call of a tool."""


@dataclass(slots=True)
class _Part:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)
    chars: int = 0


class ToolCallReading:
    """The calls of one answer, as far as they have arrived."""

    def __init__(self) -> None:
        self._parts: dict[int, _Part] = {}

    def take(self, deltas: Any) -> str:
        """Add the pieces of one event; return the text that they hold.

        Raises:
            NoToolCalls: They are none, or more or longer than any answer's could be.
        """
        if not isinstance(deltas, list):
            raise NoToolCalls
        return "".join(self._take_one(delta, place) for place, delta in enumerate(deltas))

    def calls(self, request: GenerateRequest) -> tuple[ToolCall, ...]:
        """Return the calls, in their order; one that came without an id is given one.

        Of a provider that does not heed the wish for one call at a time the first is taken.

        Raises:
            NoToolCalls: One names no tool, or no tools were offered.
        """
        if self._parts and not request.tools:
            raise NoToolCalls
        if not all(part.name for part in self._parts.values()):
            raise NoToolCalls
        taken = len(self._parts) if request.sampling.parallel_tool_calls else 1
        earlier = sum(len(turn.tool_calls) for turn in request.messages)
        return tuple(
            ToolCall(
                id=part.id or f"call-{earlier + number}",
                name=part.name,
                arguments="".join(part.arguments),
            )
            for number, (_, part) in enumerate(sorted(self._parts.items())[:taken])
        )

    def _take_one(self, delta: Any, place: int) -> str:
        if not isinstance(delta, dict):
            raise NoToolCalls
        index = delta.get("index", place)
        if not isinstance(index, int) or not 0 <= index < MAX_TOOLS:
            raise NoToolCalls
        part = self._parts.setdefault(index, _Part())
        function = delta.get("function") or {}
        if not isinstance(function, dict):
            raise NoToolCalls
        name = _name(function.get("name"))
        part.id = part.id or _name(delta.get("id"))
        part.name = part.name or name
        arguments = _text(function.get("arguments"))
        part.chars += len(arguments)
        if part.chars > _MAX_ARGUMENT_CHARS:
            raise NoToolCalls
        part.arguments.append(arguments)
        return name + arguments


def _text(value: Any) -> str:
    """Return a text that gRPC can carry; nothing for nothing."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise NoToolCalls
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise NoToolCalls from error
    return value


def _name(value: Any) -> str:
    text = _text(value)
    if len(text) > MAX_NAME_CHARS or not text.isprintable():
        raise NoToolCalls
    return text
