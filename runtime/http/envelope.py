"""The objects in which OpenAI's API wraps an answer, and their text on the wire."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from runtime.http.logprobs import chat_logprobs
from runtime.http.tools import tool_call_data, tool_piece_data
from runtime.ports import FinishReason, TokenLogprob, ToolCall, ToolCallPiece, Usage

__all__ = ["DONE", "Envelope", "Kind", "event_text", "usage_data"]

Kind = Literal["chat", "text"]
DONE: Final = "data: [DONE]\n\n"
"""What follows a stream that ended well; nothing follows one that did not."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What every object of one response repeats."""

    id: str
    created: int
    model: str
    kind: Kind
    top_logprobs: int = 0
    """How many alternatives to a token are shown, where tokens are shown at all."""
    index: int = 0
    """Which of several choices it is about."""

    def chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        """Return one streamed object."""
        name = "chat.completion.chunk" if self.kind == "chat" else "text_completion"
        return self._object(name) | {"choices": choices}

    def body(
        self,
        text: str,
        reason: FinishReason,
        usage: Usage,
        logprobs: Sequence[TokenLogprob] = (),
        tool_calls: Sequence[ToolCall] = (),
    ) -> dict[str, Any]:
        """Return the one object of a response that is not streamed."""
        choice: dict[str, Any] = {"index": self.index, "finish_reason": reason.value}
        if self.kind == "chat":
            choice["message"] = {"role": "assistant", "content": text}
            if tool_calls:
                # OpenAI's own answers have no text then, and clients look for that.
                choice["message"] |= {
                    "content": text or None,
                    "tool_calls": tool_call_data(tool_calls, is_streamed=False),
                }
            choice["logprobs"] = chat_logprobs(logprobs, top=self.top_logprobs)
        else:
            choice |= {"text": text, "logprobs": None}
        name = "chat.completion" if self.kind == "chat" else "text_completion"
        return self._object(name) | {"choices": [choice], "usage": usage_data(usage)}

    def opening(self) -> list[dict[str, Any]]:
        """Return what is streamed before the first piece."""
        is_chat = self.kind == "chat"
        return [self.chunk([self._delta({"role": "assistant", "content": ""})])] if is_chat else []

    def piece(self, text: str, logprobs: Sequence[TokenLogprob] = ()) -> dict[str, Any]:
        """Return the next piece of a streamed answer."""
        if self.kind == "chat":
            tokens = chat_logprobs(logprobs, top=self.top_logprobs)
            return self.chunk([self._delta({"content": text}) | {"logprobs": tokens}])
        choice = {"index": self.index, "text": text, "finish_reason": None, "logprobs": None}
        return self.chunk([choice])

    def tools(self, calls: Sequence[ToolCall]) -> dict[str, Any]:
        """Return the piece of a streamed answer that asks for tools."""
        return self.chunk([self._delta({"tool_calls": tool_call_data(calls, is_streamed=True)})])

    def tool_pieces(
        self, pieces: Sequence[ToolCallPiece], logprobs: Sequence[TokenLogprob] = ()
    ) -> dict[str, Any]:
        """Return the next pieces of calls of tools."""
        tokens = chat_logprobs(logprobs, top=self.top_logprobs)
        delta = {"tool_calls": [tool_piece_data(piece) for piece in pieces]}
        return self.chunk([self._delta(delta) | {"logprobs": tokens}])

    def end(self, reason: FinishReason) -> dict[str, Any]:
        """Return the object that says why a streamed answer ended."""
        is_chat = self.kind == "chat"
        plain = {"index": self.index, "text": "", "logprobs": None}
        choice = self._delta({}) if is_chat else plain
        return self.chunk([choice | {"finish_reason": reason.value}])

    def _delta(self, delta: dict[str, Any]) -> dict[str, Any]:
        return {"index": self.index, "delta": delta, "finish_reason": None, "logprobs": None}

    def _object(self, name: str) -> dict[str, Any]:
        return {"id": self.id, "object": name, "created": self.created, "model": self.model}


def usage_data(usage: Usage) -> dict[str, Any]:
    """Return what was consumed, as OpenAI clients read it."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def event_text(item: dict[str, Any]) -> str:
    """Return an object as a server-sent event."""
    return f"data: {json.dumps(item, ensure_ascii=False, separators=(',', ':'))}\n\n"
