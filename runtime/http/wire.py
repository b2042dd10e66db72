"""What OpenAI clients send, as far as a front reads it.

What stands beside the fields read here is passed over or refused by ``parameters``.
"""

import base64
import json
import struct
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from runtime.errors import RequestInvalid
from runtime.http.parameters import refuse_unserved
from runtime.http.tools import (
    MAX_TOOLS,
    ToolCallShape,
    ToolShape,
    choice_of,
    definitions_of,
)
from runtime.labels import Label
from runtime.ports import ChatMessage, SamplingOverrides, ToolDefinition

__all__ = ["MAX_CHOICES", "ChatRequest", "CompletionRequest", "EmbeddingRequest", "Extension"]

MAX_MESSAGES = 512
MAX_TEXT_CHARS = 1_000_000
MAX_TEXTS = 2048
MAX_PRIORITY = 9
MAX_CHOICES = 8

Text = Annotated[str, Field(max_length=MAX_TEXT_CHARS)]


class Extension(BaseModel):
    """Leeward's own part of a request, sent as ``extra_body={"leeward": {...}}``."""

    model_config = ConfigDict(extra="forbid")

    labels: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]] = []
    """Categories that the application knows to be in the text; they only add."""
    session_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None
    """Keeps placeholders the same over several requests."""
    priority: Annotated[int, Field(ge=-MAX_PRIORITY, le=MAX_PRIORITY)] = 0
    """Where it stands among calls that wait for this device's own models: higher goes first."""
    no_retry: bool = False
    """With an ``Idempotency-Key``: models beyond the device are asked at most once."""

    def label(self) -> Label:
        """Return the declared label."""
        return Label.of(*self.labels)


class _TextPart(BaseModel):
    type: Literal["text"]
    text: Text


class _Message(BaseModel):
    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Text | list[_TextPart] | None = None
    tool_calls: list[ToolCallShape] | None = Field(default=None, max_length=MAX_TOOLS)
    tool_call_id: Annotated[str, Field(max_length=256)] | None = None

    def to_chat(self, *, takes_tools: bool) -> ChatMessage:
        refuse_unserved(self.model_extra, within="messages")
        calls = self.tool_calls or []
        is_result = self.role == "tool"
        if (calls or is_result or self.tool_call_id) and not takes_tools:
            raise RequestInvalid("tool calls are not served here", field="messages")
        if is_result != bool(self.tool_call_id):
            raise RequestInvalid("says which call a tool's turn answers", field="tool_call_id")
        if calls and self.role != "assistant":
            raise RequestInvalid("only an assistant asks for tools", field="tool_calls")
        text = self.content
        if text is None:
            if not calls:
                raise RequestInvalid("must hold the turn's text", field="messages.content")
            text = ""
        if not isinstance(text, str):
            text = "".join(part.text for part in text)
        return ChatMessage(
            "system" if self.role == "developer" else self.role,
            text,
            tool_calls=tuple(call.to_call() for call in calls),
            tool_call_id=self.tool_call_id or "",
        )


class _StreamOptions(BaseModel):
    include_usage: bool = False


_TokenNumber = Annotated[str, Field(pattern=r"^[0-9]{1,9}$")]
_Bias = Annotated[float, Field(ge=-100, le=100)]
_AS_NAMED = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "repeat_penalty",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "grammar",
)
"""Fields that mean what the sampling field of the same name means."""


class _Generation(BaseModel):
    """What chat and plain completions have in common."""

    model_config = ConfigDict(extra="allow")

    model: str = Field(max_length=256)
    stream: bool = False
    stream_options: _StreamOptions | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=0, le=1_000_000)
    min_p: float | None = Field(default=None, ge=0, le=1)
    repeat_penalty: float | None = Field(default=None, gt=0, le=10)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    logit_bias: dict[_TokenNumber, _Bias] | None = Field(default=None, max_length=1024)
    max_tokens: int | None = Field(default=None, ge=1, le=1_000_000)
    seed: int | None = Field(default=None, ge=0, le=2**32 - 1)
    stop: Text | list[Text] | None = None
    grammar: Text | None = None
    n: int | None = Field(default=None, ge=1, le=128)
    leeward: Extension = Extension()

    def declared_sampling(self) -> dict[str, Any]:
        """Return the sampling fields that the caller set, by ``SamplingOverrides`` name."""
        given: dict[str, Any] = {
            name: getattr(self, name) for name in _AS_NAMED if getattr(self, name) is not None
        }
        if self.logit_bias:
            given["logit_bias"] = tuple(
                sorted((int(token), bias) for token, bias in self.logit_bias.items())
            )
        if self.max_tokens is not None:
            given["max_tokens"] = self.max_tokens
        if self.stop is not None:
            given["stop"] = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)
        return given

    def choices(self, *, most: int) -> int:
        """Return how many answers are asked for.

        Args:
            most: How many are served.

        Raises:
            RequestInvalid: It is more.
        """
        count = self.n or 1
        if count > most:
            served = f"at most {most} choices are" if most > 1 else "one choice is"
            raise RequestInvalid(f"{served} served per request here; ask again instead", field="n")
        return count

    def sampling(self, *, most_choices: int = 1) -> SamplingOverrides:
        """Return what the caller changes in how tokens are drawn.

        Args:
            most_choices: How many answers to one request are served.

        Raises:
            RequestInvalid: A parameter is not known or not served, or the combination makes no
                sense.
        """
        refuse_unserved(self.model_extra)
        self.choices(most=most_choices)
        given = self.declared_sampling()
        if given.get("grammar") and given.get("json_schema"):
            raise RequestInvalid("excludes response_format with a schema", field="grammar")
        return SamplingOverrides(**given)

    @property
    def shown_alternatives(self) -> int:
        """How many alternatives to each token the answer shows."""
        return 0

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with a usage chunk."""
        return bool(self.stream_options and self.stream_options.include_usage)


class ChatRequest(_Generation):
    """``POST /v1/chat/completions``."""

    messages: list[_Message] = Field(min_length=1, max_length=MAX_MESSAGES)
    max_completion_tokens: int | None = Field(default=None, ge=1, le=1_000_000)
    response_format: dict[str, Any] | None = None
    tools: list[ToolShape] | None = Field(default=None, max_length=MAX_TOOLS)
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=20)

    def declared_sampling(self) -> dict[str, Any]:
        given = super().declared_sampling()
        if self.max_completion_tokens is not None:
            given["max_tokens"] = self.max_completion_tokens
        if self.logprobs:
            # The chosen token comes with any number of alternatives, so none is asked for as one.
            given["logprobs"] = max(self.top_logprobs or 0, 1)
        if self.parallel_tool_calls is not None:
            given["parallel_tool_calls"] = self.parallel_tool_calls
        schema = _schema_of(self.response_format)
        if schema:
            given["json_schema"] = schema
        return given

    @property
    def shown_alternatives(self) -> int:
        return self.top_logprobs or 0

    def to_messages(self, *, takes_tools: bool = False) -> tuple[ChatMessage, ...]:
        """Return the chat.

        Args:
            takes_tools: Whether who asks for it handles tools, and asks for them too.

        Raises:
            RequestInvalid: A turn does not hold what its role needs, or uses what is not served.
        """
        if not takes_tools and (self.tools or self.tool_choice not in (None, "none", "auto")):
            raise RequestInvalid("tool calls are not served here", field="tools")
        return tuple(message.to_chat(takes_tools=takes_tools) for message in self.messages)

    def to_tools(self) -> tuple[tuple[ToolDefinition, ...], str]:
        """Return the tools that the model may ask for, and whether it must.

        Raises:
            RequestInvalid: The choice or the names of tools make no sense.
        """
        tools = self.tools or []
        return definitions_of(tools), choice_of(self.tool_choice, tools)


class CompletionRequest(_Generation):
    """``POST /v1/completions``; the prompt becomes one user turn."""

    prompt: Text | list[Text]
    logprobs: int | None = Field(default=None, ge=0, le=20)

    def to_messages(self, *, takes_tools: bool = False) -> tuple[ChatMessage, ...]:
        """Return the prompt as a chat.

        Raises:
            RequestInvalid: Several prompts in one request, or log-probabilities in the format of
                old, where the chat format has them.
        """
        if self.logprobs is not None:
            reason = "log-probabilities are served by /v1/chat/completions"
            raise RequestInvalid(reason, field="logprobs")
        prompts = [self.prompt] if isinstance(self.prompt, str) else self.prompt
        if len(prompts) != 1:
            raise RequestInvalid("one prompt per request is served", field="prompt")
        return (ChatMessage("user", prompts[0]),)

    def to_tools(self) -> tuple[tuple[ToolDefinition, ...], str]:
        """Return none: the plain format has no tools."""
        return (), "auto"


class EmbeddingRequest(BaseModel):
    """``POST /v1/embeddings``."""

    model_config = ConfigDict(extra="allow")

    model: str = Field(max_length=256)
    input: Text | Annotated[list[Text], Field(min_length=1, max_length=MAX_TEXTS)]
    encoding_format: Literal["float", "base64"] = "float"
    leeward: Extension = Extension()

    def texts(self) -> list[str]:
        """Return the texts to embed.

        Raises:
            RequestInvalid: A parameter is not known or not served.
        """
        refuse_unserved(self.model_extra)
        if self.leeward.priority:
            raise RequestInvalid("embeddings take turns without any", field="leeward.priority")
        return [self.input] if isinstance(self.input, str) else self.input

    def encoded(self, vector: Sequence[float]) -> list[float] | str:
        """Return a vector as it was asked for: numbers, or Base64 of little-endian singles."""
        if self.encoding_format == "float":
            return list(vector)
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


def _schema_of(response_format: dict[str, Any] | None) -> str:
    match (response_format or {}).get("type", "text"):
        case "text":
            return ""
        case "json_object":
            return '{"type": "object"}'
        case "json_schema":
            described = (response_format or {}).get("json_schema")
            schema = described.get("schema") if isinstance(described, dict) else None
            if not isinstance(schema, dict):
                raise RequestInvalid(
                    "must be an object", field="response_format.json_schema.schema"
                )
            return json.dumps(schema)
        case _:
            raise RequestInvalid("is not a known type", field="response_format.type")
