"""How a model writes that it asks for a tool, and how tools are told to one that knows none.

======================  =====================================================================
``tagged``              ``<tool_call>{"name": ..., "arguments": {...}}</tool_call>``
``listed``              ``[TOOL_CALLS][{"name": ..., "arguments": {...}}]``
``parameters``          ``{"name": ..., "parameters": {...}}``, perhaps after a python tag
``bare``                ``{"name": ..., "arguments": {...}}``
======================  =====================================================================

Knows texts and the types of a call; no template language, no grammar.
"""

import json
from collections.abc import Sequence
from typing import Final, Literal

from runtime.ports import ChatMessage, ToolCall, ToolDefinition

__all__ = [
    "CALLS_MARK",
    "CLOSING_TAG",
    "NO_PARAMETERS",
    "OPENING_TAG",
    "PYTHON_TAG",
    "ToolFormat",
    "format_of",
    "plain_turns",
    "tools_block",
    "with_block",
]

ToolFormat = Literal["tagged", "listed", "parameters", "bare"]

OPENING_TAG: Final = "<tool_call>"
CLOSING_TAG: Final = "</tool_call>"
CALLS_MARK: Final = "[TOOL_CALLS]"
PYTHON_TAG: Final = "<|python_tag|>"
NO_PARAMETERS: Final = '{"type": "object", "properties": {}}'
"""What a model reads of a tool that was defined without any."""

_BLOCK: Final = """\
You can ask for these tools:

{tools}

To ask for one, answer with

<tool_call>
{{"name": "its name", "arguments": {{"its": "arguments"}}}}
</tool_call>

and nothing else. What it gives comes back as <tool_response>. Without need of a tool, answer."""


def format_of(template: str) -> ToolFormat:
    """Return the format that a chat template which knows tools was made for."""
    if OPENING_TAG in template:
        return "tagged"
    if CALLS_MARK in template:
        return "listed"
    return "parameters" if PYTHON_TAG in template or '"parameters":' in template else "bare"


def tools_block(tools: Sequence[ToolDefinition]) -> str:
    """Return what a model reads of its tools where its template says nothing of any."""
    return _BLOCK.format(tools="\n".join(map(_defined, tools)))


def with_block(
    messages: Sequence[ChatMessage], block: str, *, in_system: bool
) -> tuple[ChatMessage, ...]:
    """Put a block before a chat: into its system turn, or its first other one."""
    first = messages[0] if messages else ChatMessage("user", "")
    if in_system and first.role != "system":
        return (ChatMessage("system", block), *messages)
    text = f"{first.content}\n\n{block}" if in_system else f"{block}\n\n{first.content}"
    return (ChatMessage(first.role, text), *messages[1:])


def plain_turns(messages: Sequence[ChatMessage]) -> tuple[ChatMessage, ...]:
    """Return a chat in which calls of tools, and their results, are text of ordinary turns.

    Results in a row become one turn of the user: many templates insist that turns alternate.
    """
    turns: list[ChatMessage] = []
    was_result = False
    for message in messages:
        is_result = message.role == "tool"
        text = message.content
        if is_result:
            text = f"<tool_response>\n{text}\n</tool_response>"
        elif message.tool_calls:
            text = "\n".join(filter(None, [text, *map(_called, message.tool_calls)]))
        if is_result and was_result:
            turns[-1] = ChatMessage("user", f"{turns[-1].content}\n{text}")
        else:
            turns.append(ChatMessage("user" if is_result else message.role, text))
        was_result = is_result
    return tuple(turns)


def _defined(tool: ToolDefinition) -> str:
    name = json.dumps(tool.name)
    description = json.dumps(tool.description, ensure_ascii=False)
    schema = tool.parameters or NO_PARAMETERS
    return f'{{"name": {name}, "description": {description}, "parameters": {schema}}}'


def _called(call: ToolCall) -> str:
    name = json.dumps(call.name)
    return f'{OPENING_TAG}\n{{"name": {name}, "arguments": {call.arguments}}}\n{CLOSING_TAG}'
