"""Tools as OpenAI clients write them: what a model may ask for, and what it asked for before."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from runtime.errors import RequestInvalid
from runtime.ports import TOOL_CHOICES, ToolCall, ToolCallPiece, ToolDefinition

__all__ = [
    "ToolCallShape",
    "ToolShape",
    "choice_of",
    "definitions_of",
    "tool_call_data",
    "tool_piece_data",
]

MAX_TOOLS = 128
ToolName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
CallId = Annotated[str, Field(min_length=1, max_length=256)]
Text = Annotated[str, Field(max_length=1_000_000)]


class _Function(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: ToolName
    description: Text | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    """Whether no arguments may break the schema."""


class ToolShape(BaseModel):
    """One tool that a model may ask for."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["function"]
    function: _Function


class _Called(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: ToolName
    arguments: Text


class ToolCallShape(BaseModel):
    """One call of a tool in an earlier turn."""

    model_config = ConfigDict(extra="forbid")

    id: CallId
    type: Literal["function"] = "function"
    index: int | None = None
    """Left in by clients that put a turn together from a stream."""
    function: _Called

    def to_call(self) -> ToolCall:
        """Return the call."""
        return ToolCall(self.id, self.function.name, self.function.arguments)


def definitions_of(tools: Sequence[ToolShape]) -> tuple[ToolDefinition, ...]:
    """Return the tools of a request.

    Raises:
        RequestInvalid: Two have one name, or one has a word with a meaning of its own.
    """
    names = [tool.function.name for tool in tools]
    if len(set(names)) < len(names) or not set(names).isdisjoint(TOOL_CHOICES):
        reason = f"must have names that differ, and are none of {', '.join(TOOL_CHOICES)}"
        raise RequestInvalid(reason, field="tools")
    return tuple(
        ToolDefinition(
            tool.function.name,
            tool.function.description or "",
            _schema_text(tool.function.parameters),
            is_strict=bool(tool.function.strict),
        )
        for tool in tools
    )


def _schema_text(schema: dict[str, Any] | None) -> str:
    # Every character as itself: what is escaped no detector can read.
    return "" if schema is None else json.dumps(schema, ensure_ascii=False)


def choice_of(choice: str | dict[str, Any] | None, tools: Sequence[ToolShape]) -> str:
    """Return whether the model asks for a tool: a word, or the name of the one it must ask for.

    Raises:
        RequestInvalid: It is neither, or there is no tool to ask for.
    """
    if choice is None:
        return "auto"
    name: Any
    if isinstance(choice, str):
        name = choice if choice in TOOL_CHOICES else ""
    else:
        function = choice.get("function")
        name = function.get("name") if isinstance(function, dict) else ""
        if name not in [tool.function.name for tool in tools]:
            name = ""
    if not name or (not tools and name == "required"):
        raise RequestInvalid("is neither a known word nor one of the tools", field="tool_choice")
    return str(name)


def tool_call_data(calls: Sequence[ToolCall], *, is_streamed: bool) -> list[dict[str, Any]]:
    """Return calls as OpenAI clients read them; in a stream each says its place."""
    return [
        ({"index": place} if is_streamed else {})
        | {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for place, call in enumerate(calls)
    ]


def tool_piece_data(piece: ToolCallPiece) -> dict[str, Any]:
    """Return a piece of a call as OpenAI clients read it; a call's first piece names it."""
    named = {"id": piece.id, "type": "function"} if piece.id else {}
    function = {"name": piece.name} if piece.id else {}
    return {"index": piece.place, **named, "function": function | {"arguments": piece.arguments}}
