"""The messages between the daemon and an engine's child process, and their encoding.

A frame is four bytes of length, most significant first, and one JSON object whose ``kind``
names the message; tensors have their values behind it (``edge.engine.blobs``). Both sides check
what they read: the child has run native code on files and grammars from outside, so the daemon
does not trust it with more than text.
"""

import asyncio
import json
import socket
import struct
from dataclasses import dataclass, replace
from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

from edge.engine.blobs import joined, split
from edge.engine.tool_format import ToolFormat
from edge.tensors.tensor import Tensor, TensorFacts
from runtime.ports import (
    ChatMessage,
    FinishReason,
    Sampling,
    TextDelta,
    Timings,
    ToolDefinition,
    Usage,
)

__all__ = [
    "Begun",
    "Cancel",
    "Embed",
    "Embedded",
    "ErrorName",
    "Failed",
    "Finished",
    "Frame",
    "FrameInvalid",
    "Infer",
    "Inferred",
    "Load",
    "LoadFailed",
    "ModelFacts",
    "Piece",
    "Pieces",
    "Ping",
    "Pong",
    "Ready",
    "Start",
    "encode",
    "read_frame",
    "receive_frame",
]

MAX_FRAME_BYTES: Final = 16 << 20
_LENGTH: Final = struct.Struct(">I")

ErrorName = Literal[
    "Cancelled",
    "CapacityExhausted",
    "ContextOverflow",
    "DeadlineExceeded",
    "EngineCrashed",
    "RequestInvalid",
]
"""The errors of ``runtime.errors`` that a call can end with inside the child."""


class FrameInvalid(Exception):
    """The other side sent something that is no frame; the connection is worthless."""


@dataclass(frozen=True, slots=True)
class Load:
    """Daemon to child, once and first: which model to serve, and how."""

    path: str
    context_tokens: int
    batch_tokens: int
    threads: int
    gpu_layers: int
    slots: int
    cache_tokens: int
    kept_prefixes: int
    is_deterministic: bool
    guesses: bool
    queue_limit: int
    memory_headroom_bytes: int
    is_mapped: bool
    gather_s: float
    draft: str = ""
    """The file of a small model that guesses how this one goes on; empty for none."""
    adapter: str = ""
    """A LoRA adapter's file; empty for none."""
    takes_tensors: bool = False
    """Whether the file is any graph of tensors; otherwise it is a language model."""
    kind: Literal["load"] = "load"


@dataclass(frozen=True, slots=True)
class Start:
    """Daemon to child: answer this."""

    call: int
    messages: tuple[ChatMessage, ...]
    sampling: Sampling
    timeout_s: float
    tools: tuple[ToolDefinition, ...] = ()
    """What the model is told that it may ask for."""
    caller: str = ""
    """Whose turn it takes; an opaque name, equal for calls of one caller; empty: unknown."""
    priority: int = 0
    """Higher goes first."""
    begun: str = ""
    """How the answer begins; the model goes on behind it."""
    kind: Literal["start"] = "start"


@dataclass(frozen=True, slots=True)
class Embed:
    """Daemon to child: turn these into vectors."""

    call: int
    texts: tuple[str, ...]
    timeout_s: float
    caller: str = ""
    priority: int = 0
    kind: Literal["embed"] = "embed"


@dataclass(frozen=True, slots=True)
class Infer:
    """Daemon to child: compute outputs of these tensors."""

    call: int
    tensors: tuple[Tensor, ...]
    outputs: tuple[str, ...]
    """Names; none means all."""
    timeout_s: float
    caller: str = ""
    priority: int = 0
    kind: Literal["infer"] = "infer"


@dataclass(frozen=True, slots=True)
class Cancel:
    """Daemon to child: nobody waits for this call any more."""

    call: int
    kind: Literal["cancel"] = "cancel"


@dataclass(frozen=True, slots=True)
class Ping:
    """Daemon to child: are you there?"""

    kind: Literal["ping"] = "ping"


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a loaded model is."""

    description: str
    parameters: int
    size_bytes: int
    layers: int
    hidden_size: int
    vocabulary_size: int
    context_tokens: int
    """What prompt and answer share."""
    slots: int
    """Calls that are answered at the same time."""
    trained_context_tokens: int
    has_chat_template: bool
    tool_format: ToolFormat = "tagged"
    """How it writes what it asks of tools."""
    embeds: bool = False
    """Whether it makes vectors; otherwise it writes text, or takes tensors."""
    inputs: tuple[TensorFacts, ...] = ()
    """Of a model that takes tensors."""
    outputs: tuple[TensorFacts, ...] = ()
    """Likewise; empty for every other model."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Child to daemon: the model is loaded."""

    facts: ModelFacts
    kind: Literal["ready"] = "ready"


@dataclass(frozen=True, slots=True)
class LoadFailed:
    """Child to daemon, its last word: this file is no model."""

    reason: str
    kind: Literal["load_failed"] = "load_failed"


@dataclass(frozen=True, slots=True)
class Begun:
    """Child to daemon: the call got a slot."""

    call: int
    prompt_tokens: int
    cached_tokens: int
    """Of the prompt, computed before."""
    kind: Literal["begun"] = "begun"


@dataclass(frozen=True, slots=True)
class Piece:
    """The next piece of one answer."""

    call: int
    delta: TextDelta


@dataclass(frozen=True, slots=True)
class Pieces:
    """Child to daemon: what one decode added."""

    pieces: tuple[Piece, ...]
    kind: Literal["pieces"] = "pieces"


@dataclass(frozen=True, slots=True)
class Finished:
    """Child to daemon: the answer is complete."""

    call: int
    finish_reason: FinishReason
    usage: Usage
    timings: Timings
    guessed_tokens: int = 0
    """Computed on the chance that they follow."""
    right_guesses: int = 0
    """Of those, that did."""
    kind: Literal["finished"] = "finished"


@dataclass(frozen=True, slots=True)
class Embedded:
    """Child to daemon: the vectors, in the order of the texts."""

    call: int
    vectors: tuple[str, ...]
    """Each in Base64: single-precision numbers, least significant byte first."""
    tokens: int
    kind: Literal["embedded"] = "embedded"


@dataclass(frozen=True, slots=True)
class Inferred:
    """Child to daemon: the outputs, in the order in which they were asked for."""

    call: int
    tensors: tuple[Tensor, ...]
    kind: Literal["inferred"] = "inferred"


@dataclass(frozen=True, slots=True)
class Failed:
    """Child to daemon: the call ended without an answer; ``reason`` is free of content."""

    call: int
    error: ErrorName
    reason: str
    kind: Literal["failed"] = "failed"


@dataclass(frozen=True, slots=True)
class Pong:
    """Child to daemon: here; ``steps`` grows while work advances."""

    steps: int
    is_busy: bool
    is_decoding: bool
    kind: Literal["pong"] = "pong"


Frame = (
    Load
    | Start
    | Embed
    | Infer
    | Cancel
    | Ping
    | Ready
    | LoadFailed
    | Begun
    | Pieces
    | Embedded
    | Inferred
    | Finished
    | Failed
    | Pong
)

_FRAMES: Final[TypeAdapter[Frame]] = TypeAdapter(Annotated[Frame, Field(discriminator="kind")])


def encode(frame: Frame) -> bytes:
    """Return the bytes of a frame.

    Raises:
        FrameInvalid: It is larger than the other side would accept.
    """
    if isinstance(frame, Pieces):
        body = _pieces_json(frame)
    elif isinstance(frame, Infer | Inferred):
        hollow = tuple(replace(tensor, data=b"") for tensor in frame.tensors)
        text = _FRAMES.dump_json(replace(frame, tensors=hollow))
        body = joined(text, [tensor.data for tensor in frame.tensors])
    else:
        body = _FRAMES.dump_json(frame)
    if len(body) > MAX_FRAME_BYTES:
        raise FrameInvalid(f"a frame of {len(body)} bytes is too long")
    return _LENGTH.pack(len(body)) + body


def _pieces_json(frame: Pieces) -> bytes:
    """What the general way would write; this frame is sent for every token."""
    pieces = []
    for piece in frame.pieces:
        delta: dict[str, object] = {"text": piece.delta.text, "tokens": piece.delta.tokens}
        if piece.delta.logprobs:
            delta["logprobs"] = [
                {"token": one.token, "logprob": one.logprob, "top": one.top}
                for one in piece.delta.logprobs
            ]
        pieces.append({"call": piece.call, "delta": delta})
    return json.dumps({"kind": frame.kind, "pieces": pieces}).encode()


async def read_frame(reader: asyncio.StreamReader) -> Frame | None:
    """Read the next frame, or return ``None`` at the end of the stream.

    Raises:
        FrameInvalid: What came is no frame.
    """
    try:
        length_bytes = _length(await reader.readexactly(_LENGTH.size))
        return _decode(await reader.readexactly(length_bytes))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def receive_frame(connection: socket.socket) -> Frame | None:
    """Blocking twin of :func:`read_frame`, for the child."""
    head = _receive_exactly(connection, _LENGTH.size)
    body = None if head is None else _receive_exactly(connection, _length(head))
    return None if body is None else _decode(body)


def _length(head: bytes) -> int:
    (length_bytes,) = _LENGTH.unpack(head)
    if length_bytes > MAX_FRAME_BYTES:
        raise FrameInvalid(f"a frame of {length_bytes} bytes is too long")
    return int(length_bytes)


def _decode(body: bytes) -> Frame:
    try:
        text, values = split(body)
        frame = _FRAMES.validate_json(text)
        return _filled(frame, values) if values else frame
    except ValidationError as error:
        # The error's own text would quote the frame, and with it a prompt.
        raise FrameInvalid(f"a frame does not parse: {error.error_count()} errors") from None
    except ValueError as error:
        raise FrameInvalid(f"a frame does not parse: {error}") from None


def _filled(frame: Frame, values: list[bytes]) -> Frame:
    """Give tensors their values back."""
    if not isinstance(frame, Infer | Inferred) or len(frame.tensors) != len(values):
        raise ValueError("its values are not those of its tensors")
    pairs = zip(frame.tensors, values, strict=True)
    return replace(frame, tensors=tuple(replace(one, data=data) for one, data in pairs))


def _receive_exactly(connection: socket.socket, length_bytes: int) -> bytes | None:
    parts: list[bytes] = []
    while length_bytes:
        part = connection.recv(min(length_bytes, 1 << 16))
        if not part:
            return None
        parts.append(part)
        length_bytes -= len(part)
    return b"".join(parts)
