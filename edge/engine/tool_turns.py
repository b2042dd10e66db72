"""A chat and its tools as the data that chat templates of the hubs are written for.

Arguments and schemas are data there and not text: templates write them with ``tojson``.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from edge.engine.tool_format import NO_PARAMETERS, ToolFormat
from runtime.ports import ChatMessage, ToolCall, ToolDefinition

__all__ = ["tool_data", "turn_data"]

Change = Callable[[str], str]

_LISTED_ID_CHARACTERS: Final = 9
"""What templates of the ``listed`` format insist on."""


def turn_data(
    messages: Sequence[ChatMessage],
    *,
    change: Change = str,
    tool_format: ToolFormat = "tagged",
) -> list[dict[str, Any]]:
    """Return the turns of a chat.

    Args:
        messages: The chat.
        change: Applied to every text of it.
        tool_format: Of the model; decides how calls are numbered.
    """
    names = {call.id: call.name for message in messages for call in message.tool_calls}

    def id_of(call_id: str) -> str:
        return change(_short_id(call_id) if tool_format == "listed" else call_id)

    def call_data(call: ToolCall) -> dict[str, Any]:
        arguments = _each_text(_object_or_text(call.arguments), change)
        function = {"name": change(call.name), "arguments": arguments}
        return {"id": id_of(call.id), "type": "function", "function": function}

    turns: list[dict[str, Any]] = []
    for message in messages:
        turn: dict[str, Any] = {"role": message.role, "content": change(message.content)}
        if message.tool_calls:
            turn["tool_calls"] = [call_data(call) for call in message.tool_calls]
        if message.role == "tool":
            turn["tool_call_id"] = id_of(message.tool_call_id)
            turn["name"] = change(names.get(message.tool_call_id, ""))
        turns.append(turn)
    return turns


def tool_data(tools: Sequence[ToolDefinition], *, change: Change = str) -> list[dict[str, Any]]:
    """Return tools as templates expect them."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": change(tool.description),
                "parameters": _each_text(_object_or_text(tool.parameters or NO_PARAMETERS), change),
            },
        }
        for tool in tools
    ]


def _object_or_text(text: str) -> Any:
    """Return the object that a JSON text holds; what is none stays text."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, dict) else text


def _each_text(value: Any, change: Change) -> Any:
    """Change every text in JSON data, keys included."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_each_text(item, change) for item in value]
    if isinstance(value, dict):
        return {change(key): _each_text(item, change) for key, item in value.items()}
    return value


def _short_id(call_id: str) -> str:
    digest = hashlib.blake2s(call_id.encode(), digest_size=_LISTED_ID_CHARACTERS).hexdigest()
    return digest[:_LISTED_ID_CHARACTERS]
