"""Every exchange with an LLM agent, as values and as lines of a file that only grows.

A call is written down twice: opened before it is sent, closed when its outcome is known. A line
without its second half is a call that may have been billed, and is counted so. The file holds what
was sent and received, so it is private; what was sent are statistics.
"""

import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Protocol

from optimizer.agents.failures import TranscriptMismatch
from optimizer.agents.model import FailureKind
from optimizer.agents.spend import Tokens
from optimizer.evaluation.model import NotKept
from runtime.documents.canonical import canonical_json, sha256_of
from runtime.documents.os_reason import os_reason
from runtime.private_files import sync_directory

__all__ = [
    "Exchange",
    "MemoryTranscript",
    "Transcript",
    "TranscriptFile",
    "exchange_line",
    "read_transcript",
]

_FORM: Final = "agent-transcript/v1"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call: what was sent, what came back, what it cost, and what became of it."""

    number: int
    request: dict[str, object]
    """The whole request, as ``ChatRequest.as_json`` writes it."""
    text: str = ""
    finish_reason: str = ""
    failure: FailureKind | None = None
    retry_after_s: float = 0.0
    tokens: Tokens = field(default_factory=Tokens)
    """What was counted for the call."""
    estimated: bool = False
    latency_s: float = 0.0
    rejection: dict[str, object] | None = None
    """Why the reply was not used, in the form that the next prompt carried."""

    @property
    def request_sha256(self) -> str:
        """Fingerprint of the request."""
        return sha256_of(self.request)


class Transcript(Protocol):
    """Where exchanges are kept."""

    def open(self, exchange: Exchange) -> None:
        """Keep what is about to be sent; ``tokens`` is the most that it can be billed."""

    def close(self, exchange: Exchange) -> None:
        """Keep the outcome of what was opened last."""


class MemoryTranscript:
    """Keeps exchanges for the archive of a running search."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []

    def open(self, exchange: Exchange) -> None:
        """Keep it as lost, until its outcome is known."""
        self.exchanges.append(_lost(exchange))

    def close(self, exchange: Exchange) -> None:
        """Replace what was opened."""
        self.exchanges[-1] = exchange


class TranscriptFile:
    """Appends to a file, durable before a call is sent and before its reply is used.

    An agent that goes on where a file ends passes through what the file already holds; those
    exchanges are not written again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._file = os.fdopen(descriptor, "r+b", buffering=0)
        held = self._file.read()
        whole = held.rfind(b"\n") + 1
        self._file.truncate(whole)
        self._file.seek(whole)
        self._held = max((item.number for item in _exchanges(held, str(path))), default=0)
        sync_directory(path.parent)

    def open(self, exchange: Exchange) -> None:
        """Write what is about to be sent.

        Raises:
            NotKept: It cannot be written; do not send it.
        """
        self._write("opened", exchange)

    def close(self, exchange: Exchange) -> None:
        """Write the outcome.

        Raises:
            NotKept: It cannot be written.
        """
        self._write("closed", exchange)

    def close_file(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, state: str, exchange: Exchange) -> None:
        if exchange.number <= self._held:
            return
        try:
            view = memoryview(_line(state, exchange))
            while view:
                view = view[self._file.write(view) :]
            os.fsync(self._file.fileno())
        except OSError as failure:
            raise NotKept(self._path, os_reason(failure)) from None


def exchange_line(exchange: Exchange) -> bytes:
    """Return the one line that stands for a finished exchange, newline included."""
    return _line("closed", exchange)


def read_transcript(path: Path) -> tuple[Exchange, ...]:
    """Return the exchanges of a file; a call without outcome comes back as ``LOST``.

    A torn last line is what a crash leaves and is passed over.

    Raises:
        TranscriptMismatch: A line is none of ours.
    """
    return _exchanges(path.read_bytes(), str(path))


def _exchanges(held: bytes, place: str) -> tuple[Exchange, ...]:
    *lines, _torn = held.split(b"\n")
    exchanges: list[Exchange] = []
    for number, line in enumerate(lines, start=1):
        state, exchange = _parsed(line, f"{place}:{number}")
        if state == "opened":
            exchanges.append(_lost(exchange))
        elif exchanges and exchanges[-1].number == exchange.number:
            exchanges[-1] = exchange
        else:
            exchanges.append(exchange)
    return tuple(exchanges)


def _lost(exchange: Exchange) -> Exchange:
    return replace(exchange, failure=FailureKind.LOST, estimated=True)


def _line(state: str, exchange: Exchange) -> bytes:
    return (
        canonical_json(
            {
                "form": _FORM,
                "state": state,
                "number": exchange.number,
                "request": exchange.request,
                "request_sha256": exchange.request_sha256,
                "text": exchange.text,
                "finish_reason": exchange.finish_reason,
                "failure": None if exchange.failure is None else exchange.failure.value,
                "retry_after_s": exchange.retry_after_s,
                "prompt_tokens": exchange.tokens.prompt,
                "completion_tokens": exchange.tokens.completion,
                "estimated": exchange.estimated,
                "latency_s": exchange.latency_s,
                "rejection": exchange.rejection,
            }
        )
        + b"\n"
    )


def _parsed(line: bytes, place: str) -> tuple[str, Exchange]:
    try:
        data = json.loads(line)
        if data["form"] != _FORM:
            raise TranscriptMismatch(f"{place}: not a line of {_FORM}")
        failure = data["failure"]
        exchange = Exchange(
            number=data["number"],
            request=data["request"],
            text=data["text"],
            finish_reason=data["finish_reason"],
            failure=None if failure is None else FailureKind(failure),
            retry_after_s=data["retry_after_s"],
            tokens=Tokens(data["prompt_tokens"], data["completion_tokens"]),
            estimated=data["estimated"],
            latency_s=data["latency_s"],
            rejection=data["rejection"],
        )
        if exchange.request_sha256 != data["request_sha256"]:
            raise TranscriptMismatch(f"{place}: the request was altered")
        return data["state"], exchange
    except (ValueError, KeyError, TypeError) as error:
        raise TranscriptMismatch(f"{place}: not a line of {_FORM}") from error
