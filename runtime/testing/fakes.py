"""Doubles of the executor's ports, for tests of everything above them.

They keep the ports' promises (cancellable streams, one completion at the end, releases that
can be undone) and record what they were asked; they know no model, no sentinel, no vault.

A test reads like this::

    near = ScriptedModel("edge-1")
    near.answer("4", step="draft")
    near.answer(Script("5", logprob=-0.1), step="check")
    near.answer(EngineCrashed("gone"), Script("6"), step="final")   # first call fails
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from runtime.ids import Category, ModelName, NodeName, PlanId, RequestId, SessionId
from runtime.ports import (
    ChatMessage,
    Chunk,
    Completion,
    FinishReason,
    GenerateRequest,
    Provenance,
    ReleaseRecord,
    StreamRestorer,
    TextDelta,
    Timings,
    TokenLogprob,
    ToolCall,
    ToolCallPiece,
    Usage,
    texts_of,
)

__all__ = ["FakeReleases", "ManualClock", "Reply", "Script", "ScriptedModel", "SeededIds"]


class ManualClock:
    """A clock that stands still until :meth:`advance` moves it."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start
        self._monotonic_s = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic_s(self) -> float:
        return self._monotonic_s

    def advance(self, seconds: float) -> None:
        """Move both clocks on."""
        self._now += timedelta(seconds=seconds)
        self._monotonic_s += seconds

    async def sleep(self, seconds: float) -> None:
        """Move on at once instead of waiting; other tasks get their turn."""
        self.advance(seconds)
        await asyncio.sleep(0)


class SeededIds:
    """Ids that count up: ``request-7-1``, ``request-7-2``, ... for seed 7."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._counts: dict[str, itertools.count[int]] = {}

    def request(self) -> RequestId:
        """Return the next request id."""
        return RequestId(self._next("request"))

    def session(self) -> SessionId:
        """Return the next session id."""
        return SessionId(self._next("session"))

    def plan(self) -> PlanId:
        """Return the next plan id."""
        return PlanId(self._next("plan"))

    def _next(self, kind: str) -> str:
        count = self._counts.setdefault(kind, itertools.count(1))
        return f"{kind}-{self._seed}-{next(count)}"


@dataclass(frozen=True, slots=True)
class Script:
    """How one call goes: the text, cut into words, then the completion."""

    text: str = ""
    pieces: tuple[str, ...] | None = None
    """The text cut otherwise; each piece is one token."""
    first_token_s: float = 0.0
    """Slept before the first piece."""
    token_s: float = 0.0
    """Slept before every later piece."""
    logprob: float | None = None
    """Reported for every token when the request asks for log-probabilities."""
    finish_reason: FinishReason = FinishReason.STOP
    usage: Usage | None = None
    """Counted from the pieces when absent."""
    model: str = ""
    """The model that claims to have answered; the one asked for when empty."""
    ledger_position: int | None = None
    fails_after: int | None = None
    """How many pieces come before ``error``."""
    error: BaseException | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    call_pieces: tuple[ToolCallPiece, ...] = ()
    """Told one by one behind the text."""
    is_complete: bool = True
    """False ends the stream without a completion."""
    wait_for: asyncio.Event | None = None
    """Awaited before the first piece: lets a test decide the order of concurrent calls."""

    def cut(self) -> tuple[str, ...]:
        """Return the pieces."""
        if self.pieces is not None:
            return self.pieces
        words = self.text.split(" ")
        return tuple(f" {word}" if index else word for index, word in enumerate(words) if word)


Reply = str | Script | BaseException | Callable[[GenerateRequest], "str | Script"]
"""What a call gets: a text, a script, a failure before anything came, or one of the first two
computed from the request."""


@dataclass(slots=True)
class _Rule:
    when: Callable[[GenerateRequest], bool]
    replies: tuple[Reply, ...]
    used: int = 0

    def next_reply(self) -> Reply:
        reply = self.replies[min(self.used, len(self.replies) - 1)]
        self.used += 1
        return reply


class ScriptedModel:
    """A ``ModelPort`` that answers by script and records what it was asked.

    Args:
        node: What its completions name as the node.
        default: Reply where no rule matches.
        sleep: Waits for the latencies of scripts.
    """

    def __init__(
        self,
        node: str = "edge-1",
        *,
        default: Reply = "ok",
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._node = NodeName(node)
        self._default = _Rule(lambda _: True, (default,))
        self._rules: list[_Rule] = []
        self._sleep = sleep
        self._arrived = asyncio.Event()
        self.requests: list[GenerateRequest] = []
        """Every request, in the order of arrival."""
        self.running = 0
        """Calls in flight."""
        self.most_running = 0
        """Most calls that were in flight at once."""
        self.cancelled = 0
        """Calls that were closed or cancelled before their end."""

    def answer(
        self,
        *replies: Reply,
        step: str | None = None,
        when: Callable[[GenerateRequest], bool] | None = None,
    ) -> None:
        """Script the calls of a step, or those that ``when`` picks; the first match counts.

        Args:
            replies: One per call, in order; the last one repeats.
            step: The step whose calls are meant; any step when ``None``.
            when: A further condition on the request.
        """

        def is_meant(request: GenerateRequest) -> bool:
            at = request.provenance.step_id if request.provenance is not None else ""
            return (step is None or at == step) and (when is None or when(request))

        self._rules.append(_Rule(is_meant, replies))

    def texts_seen(self) -> str:
        """Return everything that requests contained: what a canary is searched in."""
        return "\n".join(text for request in self.requests for text in texts_of(request))

    async def wait_running(self, calls: int) -> None:
        """Return once that many calls are in flight."""
        while self.running < calls:
            self._arrived.clear()
            await self._arrived.wait()

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        """Stream the scripted reply."""
        self.requests.append(request)
        rule = next((rule for rule in self._rules if rule.when(request)), self._default)
        reply = rule.next_reply()
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self._arrived.set()
        try:
            if callable(reply):
                reply = reply(request)
            if isinstance(reply, BaseException):
                raise reply
            async for chunk in self._play(_as_script(reply), request):
                yield chunk
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise
        finally:
            self.running -= 1

    async def _play(self, script: Script, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        if script.wait_for is not None:
            await script.wait_for.wait()
        pieces = script.cut()
        for index, piece in enumerate(pieces):
            if script.error is not None and index == script.fails_after:
                raise script.error
            delay_s = script.token_s if index else script.first_token_s
            if delay_s:
                await self._sleep(delay_s)
            yield TextDelta(piece, 1, _logprobs(script, request, piece))
        if script.error is not None:
            raise script.error
        for told in script.call_pieces:
            yield TextDelta("", 1, (), (told,))
        if script.is_complete:
            yield Completion(
                script.finish_reason,
                script.usage or _counted(request, len(pieces)),
                Timings(),
                ModelName(script.model) or request.model,
                self._node,
                script.ledger_position,
                script.tool_calls,
            )


class FakeReleases:
    """A ``ReleasePort`` that replaces given texts by placeholders, and puts them back.

    Args:
        replaced: Text to category; the n-th text of a category becomes ``<CATEGORY_n>``.
    """

    def __init__(self, replaced: Mapping[str, str] | None = None) -> None:
        self._placeholders: dict[str, tuple[Category, str]] = {}
        counts: dict[str, int] = {}
        for text, category in (replaced or {}).items():
            counts[category] = counts.get(category, 0) + 1
            placeholder = f"<{category.upper()}_{counts[category]}>"
            self._placeholders[text] = (Category(category), placeholder)
        self.released: list[tuple[str, frozenset[Category]]] = []
        """Every release: kind and categories."""
        self.restored = 0
        """How many texts were restored whole."""

    async def release(
        self,
        messages: Sequence[ChatMessage],
        categories: frozenset[Category],
        provenance: Provenance,
        *,
        by: str = "redact",
    ) -> tuple[tuple[ChatMessage, ...], ReleaseRecord]:
        self.released.append((by, categories))
        spans = 0
        turns = tuple(messages)
        for text, (category, placeholder) in self._placeholders.items():
            if by == "redact" and category in categories:
                spans += sum(turn.content.count(text) for turn in turns)
                turns = tuple(
                    replace(turn, content=turn.content.replace(text, placeholder)) for turn in turns
                )
        return turns, ReleaseRecord(by, tuple(sorted(categories)), spans)

    async def restore(self, text: str, provenance: Provenance) -> str:
        self.restored += 1
        return self._restore(text)

    async def restore_json(self, text: str, provenance: Provenance) -> str:
        self.restored += 1
        return self._restore(text)

    def restorer(self, provenance: Provenance) -> StreamRestorer:
        return _FakeRestorer(self._restore)

    def _restore(self, text: str) -> str:
        for original, (_, placeholder) in self._placeholders.items():
            text = text.replace(placeholder, original)
        return text


class _FakeRestorer:
    """Holds back from the last ``<`` on."""

    def __init__(self, restore: Callable[[str], str]) -> None:
        self._restore = restore
        self._held = ""

    def feed(self, text: str) -> str:
        text = self._held + text
        start = text.rfind("<")
        if start < 0 or ">" in text[start:]:
            start = len(text)
        self._held = text[start:]
        return self._restore(text[:start])

    def finish(self) -> str:
        held, self._held = self._held, ""
        return held


def _as_script(reply: str | Script) -> Script:
    return Script(reply) if isinstance(reply, str) else reply


def _logprobs(script: Script, request: GenerateRequest, piece: str) -> tuple[TokenLogprob, ...]:
    if script.logprob is None or not request.sampling.logprobs:
        return ()
    return (TokenLogprob(piece, script.logprob),)


def _counted(request: GenerateRequest, tokens: int) -> Usage:
    words = sum(len(turn.content.split()) for turn in request.messages)
    return Usage(prompt_tokens=words, completion_tokens=tokens)
