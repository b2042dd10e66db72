"""The grammar of an answer that asks for tools: calls, with arguments by the tools' schemas.

Built where the caller insists on a call, where a tool is ``strict``, and where an answer without
a call has a schema of its own. Everywhere else the model writes freely.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge.engine.patterns import literal
from edge.engine.rules import RuleBook
from edge.engine.schema import MAX_GRAMMAR_BYTES, add_schema
from edge.engine.tool_format import CALLS_MARK, CLOSING_TAG, OPENING_TAG, ToolFormat
from runtime.errors import RequestInvalid
from runtime.ports import TOOL_CHOICES, ToolDefinition

__all__ = ["calls_grammar"]

_FREE_TEXT: Final = r"[^<{\x5B \t\r\n] [^\x00]*"
"""What does not begin like a call in any format."""
_MOST_CALLS: Final = 8
"""Of an answer that a grammar binds: a model may not know when it has asked enough."""


@dataclass(frozen=True, slots=True)
class _Wrapping:
    """What stands around all calls, around each, and between two."""

    opening: str = ""
    before: str = ""
    after: str = ""
    between: str = ""
    """Empty where models of the format ask for one tool at a time."""
    closing: str = ""


_WRAPPING: Final[dict[ToolFormat, _Wrapping]] = {
    "tagged": _Wrapping(before=f"{OPENING_TAG}\n", after=f"\n{CLOSING_TAG}", between="\n"),
    "listed": _Wrapping(opening=f"{CALLS_MARK}[", between=", ", closing="]"),
    "parameters": _Wrapping(),
    "bare": _Wrapping(between="\n"),
}


def calls_grammar(
    tools: Sequence[ToolDefinition],
    choice: str,
    *,
    tool_format: ToolFormat,
    answer_schema: str = "",
    is_parallel: bool = True,
) -> str:
    """Return the grammar of an answer for which tools are offered; empty where it is free.

    Args:
        tools: What is offered; each passed ``limits.check_tools``.
        choice: ``auto``, ``required``, or the name of the tool that must be asked for.
        tool_format: How the model writes calls.
        answer_schema: What an answer that asks for no tool must follow; empty for none.
        is_parallel: Whether an answer may hold several calls; of one named tool it holds one.

    Raises:
        RequestInvalid: A strict tool's schema, or the answer's, says what no grammar can enforce.
    """
    is_free = choice == "auto"
    if is_free and not answer_schema and not any(tool.is_strict for tool in tools):
        return ""
    book = RuleBook()
    offered = [tool for tool in tools if is_free or choice in {"required", tool.name}]
    try:
        call = book.add(" | ".join([_call(book, tool, tool_format) for tool in offered]))
        is_several = is_parallel and choice in TOOL_CHOICES
        root = _calls(call, _WRAPPING[tool_format], is_several=is_several)
        if is_free:
            answer = add_schema(book, json.loads(answer_schema)) if answer_schema else _FREE_TEXT
            root = f"({root}) | {answer}"
        grammar = book.grammar(root)
        size_bytes = len(grammar.encode())
    except (RecursionError, ValueError):
        raise RequestInvalid("a schema cannot be turned into a grammar", field="tools") from None
    if size_bytes > MAX_GRAMMAR_BYTES:
        raise RequestInvalid("the schemas make a grammar that is too large", field="tools")
    return grammar


def _calls(call: str, wrapping: _Wrapping, *, is_several: bool) -> str:
    """Return the body of one call, or of several in a row."""
    row = call
    if is_several and wrapping.between:
        row += f" ({literal(wrapping.between)} {call}){{0,{_MOST_CALLS - 1}}}"
    parts = (literal(wrapping.opening), row, literal(wrapping.closing))
    return " ".join(part for part in parts if part != literal(""))


def _call(book: RuleBook, tool: ToolDefinition, tool_format: ToolFormat) -> str:
    """Add the rule of one call of a tool; return its name."""
    wrapping = _WRAPPING[tool_format]
    key = "parameters" if tool_format == "parameters" else "arguments"
    head = literal(f'{wrapping.before}{{"name": {json.dumps(tool.name)}, "{key}": ')
    return book.add(f"{head} {_arguments(book, tool)} {literal('}' + wrapping.after)}")


def _arguments(book: RuleBook, tool: ToolDefinition) -> str:
    """Add the rules of a tool's arguments; return the name of theirs.

    Where a schema that is not strict says more than a grammar can, any object will do: the model
    has read the schema.
    """
    if not tool.parameters:
        return book.add('"{" space "}" space')
    document = json.loads(tool.parameters)
    if not document:
        return "object"
    if not _describes_object(document):
        reason = f"the parameters of tool {tool.name} describe no object"
        raise RequestInvalid(reason, field="tools")
    try:
        add_schema(RuleBook(), document)  # a scratch book: half a schema's rules would be left
    except RequestInvalid as error:
        if tool.is_strict:
            reason = f"the parameters of the strict tool {tool.name}: {error}"
            raise RequestInvalid(reason, field="tools") from None
        return "object"
    return add_schema(book, document)


def _describes_object(document: dict[str, Any]) -> bool:
    if "type" in document:
        return bool(document["type"] == "object")
    return bool(document.keys() & {"$ref", "properties", "additionalProperties"})
