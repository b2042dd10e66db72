"""Chat messages and what a model reports about an answer, to and from their messages.

Only models that are called by name take tools. Everywhere else a message that holds a call of
one, or its result, is refused, never read without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from leeward.v1 import chat_pb2
from runtime.codec import bounds
from runtime.codec.enums import CHAT_ROLES
from runtime.errors import RequestInvalid
from runtime.ports import (
    ChatMessage,
    Timings,
    TokenLogprob,
    ToolCall,
    ToolCallPiece,
    ToolDefinition,
    Usage,
)

__all__ = [
    "decode_chat",
    "decode_logprobs",
    "decode_timings",
    "decode_tool_calls",
    "decode_tool_pieces",
    "decode_tools",
    "decode_usage",
    "encode_chat",
    "encode_logprobs",
    "encode_timings",
    "encode_tool_calls",
    "encode_tool_pieces",
    "encode_tools",
    "encode_usage",
]


def encode_chat(messages: Sequence[ChatMessage]) -> list[chat_pb2.ChatMessage]:
    """Return the messages of a chat."""
    return [
        chat_pb2.ChatMessage(
            role=CHAT_ROLES.encode(turn.role, f"messages[{place}].role"),
            content=turn.content,
            tool_calls=encode_tool_calls(turn.tool_calls),
            tool_call_id=turn.tool_call_id,
        )
        for place, turn in enumerate(messages)
    ]


def decode_chat(
    messages: Sequence[chat_pb2.ChatMessage], field: str = "messages", *, takes_tools: bool = False
) -> tuple[ChatMessage, ...]:
    """Return a chat of at least one turn.

    Args:
        messages: As received.
        field: Where they stand, for errors.
        takes_tools: Whether who reads it handles calls of tools and their results.
    """
    bounds.count(messages, field, at_least=1, at_most=bounds.MAX_CHAT_TURNS)
    return tuple(
        _decode_turn(turn, f"{field}[{place}]", takes_tools=takes_tools)
        for place, turn in enumerate(messages)
    )


def encode_tools(tools: Iterable[ToolDefinition]) -> list[chat_pb2.ToolDefinition]:
    """Return the messages of tools that a model may ask for."""
    return [
        chat_pb2.ToolDefinition(
            name=tool.name,
            description=tool.description,
            parameters_json_schema=tool.parameters,
            strict=tool.is_strict,
        )
        for tool in tools
    ]


def decode_tools(
    messages: Sequence[chat_pb2.ToolDefinition], field: str = "tools"
) -> tuple[ToolDefinition, ...]:
    """Return the tools that a model may ask for; their names differ."""
    bounds.count(messages, field, at_most=bounds.MAX_TOOLS)
    tools = tuple(
        ToolDefinition(
            name=bounds.tool_name(tool.name, f"{field}[{place}].name"),
            description=bounds.text(tool.description, f"{field}[{place}].description"),
            parameters=bounds.text(
                tool.parameters_json_schema,
                f"{field}[{place}].parameters_json_schema",
                at_most_chars=bounds.MAX_GRAMMAR_CHARS,
            ),
            is_strict=tool.strict,
        )
        for place, tool in enumerate(messages)
    )
    if len({tool.name for tool in tools}) < len(tools):
        raise RequestInvalid("must have names that differ", field=field)
    return tools


def encode_tool_calls(calls: Iterable[ToolCall]) -> list[chat_pb2.ToolCall]:
    """Return the messages of calls that a model asked for."""
    return [
        chat_pb2.ToolCall(id=call.id, name=call.name, arguments_json=call.arguments)
        for call in calls
    ]


def decode_tool_calls(messages: Sequence[chat_pb2.ToolCall], field: str) -> tuple[ToolCall, ...]:
    """Return the calls that a model asked for."""
    bounds.count(messages, field, at_most=bounds.MAX_TOOLS)
    return tuple(
        ToolCall(
            id=bounds.name(call.id, f"{field}[{place}].id"),
            name=bounds.name(call.name, f"{field}[{place}].name"),
            arguments=bounds.text(call.arguments_json, f"{field}[{place}].arguments_json"),
        )
        for place, call in enumerate(messages)
    )


def encode_tool_pieces(pieces: Iterable[ToolCallPiece]) -> list[chat_pb2.ToolCallPiece]:
    """Return the messages of pieces of calls."""
    return [
        chat_pb2.ToolCallPiece(
            place=piece.place, id=piece.id, name=piece.name, arguments_json=piece.arguments
        )
        for piece in pieces
    ]


def decode_tool_pieces(
    messages: Sequence[chat_pb2.ToolCallPiece], field: str
) -> tuple[ToolCallPiece, ...]:
    """Return pieces of calls."""
    if not messages:
        return ()
    bounds.count(messages, field, at_most=bounds.MAX_RECORDS)
    return tuple(
        ToolCallPiece(
            place=bounds.whole(piece.place, f"{field}.place", high=bounds.MAX_TOOLS - 1),
            arguments=bounds.text(piece.arguments_json, f"{field}.arguments_json"),
            id=bounds.optional_name(piece.id, f"{field}.id"),
            name=bounds.optional_name(piece.name, f"{field}.name"),
        )
        for piece in messages
    )


def encode_usage(usage: Usage) -> chat_pb2.Usage:
    """Return the message of what a call consumed."""
    return chat_pb2.Usage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=usage.cached_tokens,
        cost_usd=usage.cost_usd,
        estimated=usage.estimated,
    )


def decode_usage(message: chat_pb2.Usage, field: str = "usage") -> Usage:
    """Return what a call consumed; an absent message is zero."""
    return Usage(
        prompt_tokens=bounds.whole(message.prompt_tokens, f"{field}.prompt_tokens"),
        completion_tokens=bounds.whole(message.completion_tokens, f"{field}.completion_tokens"),
        cached_tokens=bounds.whole(message.cached_tokens, f"{field}.cached_tokens"),
        cost_usd=bounds.number(message.cost_usd, f"{field}.cost_usd"),
        estimated=message.estimated,
    )


def encode_timings(timings: Timings) -> chat_pb2.Timings:
    """Return the message of where the time went."""
    return chat_pb2.Timings(
        queued_s=timings.queued_s, first_token_s=timings.first_token_s, total_s=timings.total_s
    )


def decode_timings(message: chat_pb2.Timings, field: str = "timings") -> Timings:
    """Return where the time went; an absent message is zero."""
    return Timings(
        queued_s=bounds.number(message.queued_s, f"{field}.queued_s"),
        first_token_s=bounds.number(message.first_token_s, f"{field}.first_token_s"),
        total_s=bounds.number(message.total_s, f"{field}.total_s"),
    )


def encode_logprobs(logprobs: Iterable[TokenLogprob]) -> list[chat_pb2.TokenLogprob]:
    """Return the messages of tokens with their log-probabilities."""
    return [
        chat_pb2.TokenLogprob(
            token=item.token,
            logprob=item.logprob,
            top=[
                chat_pb2.TokenAlternative(token=token, logprob=logprob)
                for token, logprob in item.top
            ],
        )
        for item in logprobs
    ]


def decode_logprobs(
    messages: Sequence[chat_pb2.TokenLogprob], field: str = "logprobs"
) -> tuple[TokenLogprob, ...]:
    """Return tokens with their log-probabilities; minus infinity is allowed, NaN is not."""
    bounds.count(messages, field, at_most=bounds.MAX_RECORDS)
    return tuple(_decode_logprob(item, f"{field}[{at}]") for at, item in enumerate(messages))


def _decode_turn(message: chat_pb2.ChatMessage, field: str, *, takes_tools: bool) -> ChatMessage:
    role = CHAT_ROLES.decode(message.role, f"{field}.role")
    uses_tools = bool(role == "tool" or message.tool_calls or message.tool_call_id)
    if uses_tools and not takes_tools:
        raise RequestInvalid("tool calls are not served here", field=f"{field}.tool_calls")
    if message.tool_calls and role != "assistant":
        raise RequestInvalid("only an assistant asks for tools", field=f"{field}.tool_calls")
    if (role == "tool") != bool(message.tool_call_id):
        raise RequestInvalid("belongs to a tool's turn", field=f"{field}.tool_call_id")
    return ChatMessage(
        role=role,
        content=bounds.text(message.content, f"{field}.content"),
        tool_calls=decode_tool_calls(message.tool_calls, f"{field}.tool_calls"),
        tool_call_id=bounds.optional_name(message.tool_call_id, f"{field}.tool_call_id"),
    )


def _decode_logprob(message: chat_pb2.TokenLogprob, field: str) -> TokenLogprob:
    bounds.count(message.top, f"{field}.top", at_most=bounds.MAX_STEPS)
    return TokenLogprob(
        token=bounds.text(message.token, f"{field}.token", at_most_chars=bounds.MAX_REASON_CHARS),
        logprob=bounds.log_probability(message.logprob, f"{field}.logprob"),
        top=tuple(
            (
                bounds.text(
                    item.token, f"{field}.top.token", at_most_chars=bounds.MAX_REASON_CHARS
                ),
                bounds.log_probability(item.logprob, f"{field}.top.logprob"),
            )
            for item in message.top
        ),
    )
