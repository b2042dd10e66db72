"""What has arrived of one provider's stream: its text, its end, and how far it got when it broke.

Knows the events of the OpenAI API and the patience that the provider's settings allow; makes no
call. A provider is believed nothing: types are checked, usage must be possible, and an end
without a known finish reason is a broken stream.
"""

import asyncio
import json
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

from cloud.upstreams.estimate import (
    TokenBound,
    estimate_prompt_tokens,
    estimate_tokens,
    token_bound,
)
from cloud.upstreams.failures import Fault, UpstreamFailed
from cloud.upstreams.model import UpstreamSpec
from cloud.upstreams.reported import read_logprobs, read_usage
from cloud.upstreams.tool_calls import NoToolCalls, ToolCallReading
from runtime.clock import Clock
from runtime.errors import DeadlineExceeded, LeewardError, StreamBroken, UpstreamUnavailable
from runtime.executor.usage import total_usage
from runtime.ids import ModelName
from runtime.ports import (
    Completion,
    FinishReason,
    GenerateRequest,
    TextDelta,
    Timings,
    TokenLogprob,
    Usage,
)

__all__ = ["Reading"]

_FINISH: Final = {
    "stop": FinishReason.STOP,
    "eos": FinishReason.STOP,
    "eos_token": FinishReason.STOP,
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
}
"""Anything else ("abort", "error", ...) is no end of an answer."""
_DONE: Final = b"[DONE]"
_TAIL_S: Final = 2.0
"""Longest wait for usage once the answer is complete."""
_EOF_S: Final = 0.25
"""Longest wait for the end of the body after ``[DONE]``; a read end keeps the connection."""
_LONG_DELTA_CHARS: Final = 16
"""A longer piece is more than one token."""
_MOST_BYTES_PER_TOKEN: Final = 512
_MOST_DELTAS_PER_TOKEN: Final = 4
_Arrival = TypeVar("_Arrival")


class Reading:
    """What has arrived of one stream.

    Args:
        spec: The provider.
        request: What was asked; its ``timeout_s`` starts now.
        clock: Tells how long things take.
    """

    def __init__(self, spec: UpstreamSpec, request: GenerateRequest, clock: Clock) -> None:
        self._spec = spec
        self.request = request
        self._clock = clock
        self._started_s = clock.monotonic_s()
        self._progress_s = self._started_s
        self._first_token_s = 0.0
        self._finish: FinishReason | None = None
        self._usage: Usage | None = None
        self._usage_at = 0
        self._bound: TokenBound | None = None
        self._failure: UpstreamFailed | None = None
        self._model = ""
        self._tools = ToolCallReading()
        self._deltas = 0
        self._text_bytes = 0
        self._hidden_tokens = 0
        self.queued_s = 0.0
        self.is_sent = False
        """Whether the provider was asked, so that it may charge."""
        self.is_done = False
        """Whether the provider said that nothing more comes."""
        self.tokens = 0
        self._checked: Usage | None = None
        self._is_decided = False
        self.usage_was_refused = False
        """Whether the provider reported usage that cannot be."""

    def start(self) -> None:
        """Begin to be impatient: what came before was the wait for a place."""
        now_s = self._clock.monotonic_s()
        self.is_sent = True
        self.queued_s = now_s - self._started_s
        self._progress_s = now_s

    @property
    def left_s(self) -> float:
        """Time left of the caller's deadline, seconds; may be negative."""
        return self._started_s + self.request.timeout_s - self._clock.monotonic_s()

    @property
    def counted_tokens(self) -> int:
        """What was written so far by our own count, never above what one attempt can cost."""
        counted = self.tokens + self._hidden_tokens
        if self._checked is not None:
            counted += max(1, self._checked.completion_tokens)
        return min(counted, self._token_bound().completion_tokens)

    @property
    def is_complete(self) -> bool:
        """Whether the answer has its end, so that nothing that follows can break it."""
        return self._finish is not None

    async def wait(self, arrival: Awaitable[_Arrival]) -> _Arrival:
        """Wait for the provider, at most as long as caller and provider settings allow.

        The wait is bounded here and not around the whole stream: a timeout scope that stays open
        across a ``yield`` would cancel whatever the consumer is doing. It is measured from the
        last token, not the last byte, so that keep-alive comments are no progress.
        """
        patience_s = self._patience_s()
        left_s = self.left_s
        try:
            # Not `wait_for`: on Python 3.11 it swallows a cancellation that comes with the arrival.
            async with asyncio.timeout(min(left_s, patience_s)):
                return await arrival
        except TimeoutError as error:
            if left_s <= patience_s:
                late = DeadlineExceeded(f"upstream {self._spec.name} was still writing")
                raise UpstreamFailed(Fault.DEADLINE, late) from error
            raise self.failed(Fault.SILENT, f"was silent for {self._allowed_s():g} s") from error

    def take(self, events: list[bytes]) -> TextDelta | None:
        """Account for what arrived together; return its text as one piece, if it has any.

        Raises:
            UpstreamFailed: What came is no part of an answer.
        """
        texts: list[str] = []
        logprobs: list[TokenLogprob] = []
        before = self.tokens
        try:
            for event in events:
                if event == _DONE:
                    self.is_done = True
                    break
                self._take_item(self._parsed(event), texts, logprobs)
        except UpstreamFailed as failure:
            if not texts:
                raise
            # What came whole before it is passed on first: how far an answer got is how far the
            # caller got.
            self._failure = failure
        if not texts:
            return None
        return TextDelta("".join(texts), tokens=self.tokens - before, logprobs=tuple(logprobs))

    def take_check(self, usage: Usage) -> None:
        """Account for the call that checked the request's draft, which is charged too."""
        self._checked = usage
        now_s = self._progress_s = self._clock.monotonic_s()
        self._first_token_s = now_s - self._started_s

    def decide(self, finish: FinishReason) -> None:
        """Say that the check was all that was needed."""
        self._is_decided = True
        self._finish = finish

    def check(self) -> None:
        """Raise what was wrong with the last that arrived, once its text was passed on."""
        if self._failure is not None:
            raise self._failure

    def completion(self) -> Completion:
        """Return the last chunk, or say that the stream broke: no finish reason, no answer."""
        if self._finish is None:
            raise self.failed(Fault.CUT, "ended without a finish reason")
        try:
            calls = self._tools.calls(self.request)
        except NoToolCalls as error:
            raise self.failed(Fault.GARBAGE, "asked for a tool in a way that is none") from error
        if bool(calls) != (self._finish is FinishReason.TOOL_CALLS):
            # Some end with "stop" all the same; none may ask for tools and name none.
            if not calls:
                raise self.failed(Fault.GARBAGE, "asked for tools and named none")
            if self._finish is FinishReason.STOP:
                self._finish = FinishReason.TOOL_CALLS
        return Completion(
            finish_reason=self._finish,
            tool_calls=calls,
            usage=self.usage(),
            timings=Timings(
                queued_s=self.queued_s,
                first_token_s=self._first_token_s,
                total_s=self._clock.monotonic_s() - self._started_s,
            ),
            model=ModelName(self._model),
            continued=self.request.continues,
        )

    def usage(self) -> Usage:
        """Return what the attempt consumed so far: as reported, or by our own count."""
        if self._checked is None:
            return self._streamed_usage()
        if self._is_decided:
            return self._checked
        return total_usage((self._checked, self._streamed_usage()))

    def _streamed_usage(self) -> Usage:
        if self._usage is not None and self._usage_at == self.tokens + self._hidden_tokens:
            return self._usage
        reported = self._usage or Usage()
        prompt_tokens = reported.prompt_tokens or estimate_prompt_tokens(self.request)
        return Usage(
            prompt_tokens=min(prompt_tokens, self._token_bound().prompt_tokens),
            completion_tokens=max(reported.completion_tokens, self.counted_tokens),
            estimated=True,
        )

    def failed(self, fault: Fault, how: str) -> UpstreamFailed:
        """Name a failure by how far the stream got."""
        error: LeewardError
        if self.tokens:
            reason = f"upstream {self._spec.name} {how}"
            error = StreamBroken(reason, received_tokens=self.tokens)
        else:
            reason = f"upstream {self._spec.name} {how} before the first token"
            error = UpstreamUnavailable(reason)
        return UpstreamFailed(fault, error)

    def _allowed_s(self) -> float:
        return self._spec.idle_timeout_s if self.tokens else self._spec.first_token_timeout_s

    def _patience_s(self) -> float:
        if self.is_done:
            return _EOF_S
        if self.is_complete:
            return _TAIL_S
        return max(0.0, self._progress_s + self._allowed_s() - self._clock.monotonic_s())

    def _parsed(self, event: bytes) -> dict[str, Any]:
        try:
            item = json.loads(event)
        except (ValueError, RecursionError):
            item = None
        if not isinstance(item, dict):
            raise self.failed(Fault.GARBAGE, "sent an event that is no JSON object")
        if item.get("error") is not None:
            raise self.failed(Fault.CUT, "reported an error in its stream")
        return item

    def _take_item(
        self, item: dict[str, Any], texts: list[str], logprobs: list[TokenLogprob]
    ) -> None:
        choices = item.get("choices")
        if choices:
            choice = choices[0] if isinstance(choices, list) else None
            if not isinstance(choice, dict):
                raise self.failed(Fault.GARBAGE, "sent a choice that is none")
            self._take_choice(choice, texts, logprobs)
        if isinstance(item.get("model"), str):
            self._model = item["model"]
        if item.get("usage") is not None:
            self._take_usage(item["usage"])

    def _take_choice(
        self, choice: dict[str, Any], texts: list[str], logprobs: list[TokenLogprob]
    ) -> None:
        is_chat = not self.request.continues
        text = self._text_of(choice.get("delta") if is_chat else {"content": choice.get("text")})
        if text:
            tokens = read_logprobs(choice.get("logprobs")) if choice.get("logprobs") else ()
            self._count(text, len(tokens))
            texts.append(text)
            logprobs.extend(tokens)
        if choice.get("finish_reason"):  # some send an empty one with every piece
            self._take_finish(choice["finish_reason"])

    def _text_of(self, delta: Any) -> str:
        if not isinstance(delta, dict):
            return ""
        if delta.get("tool_calls"):
            self._take_tools(delta["tool_calls"])
        text = delta.get("content")
        if not text:
            hidden = delta.get("reasoning_content") or delta.get("reasoning")
            if isinstance(hidden, str) and hidden:
                self._count_hidden(hidden)
            return ""
        if not isinstance(text, str):
            raise self.failed(Fault.GARBAGE, "sent text that is none")
        return text

    def _take_tools(self, deltas: Any) -> None:
        try:
            written = self._tools.take(deltas)
        except NoToolCalls as error:
            raise self.failed(Fault.GARBAGE, "asked for a tool in a way that is none") from error
        self._count_hidden(written)

    def _count_hidden(self, text: str) -> None:
        """Count what is not passed on as it comes, but is charged for, and is no silence."""
        self._hidden_tokens += _tokens_in(text)
        self._progress_s = self._clock.monotonic_s()
        if self._hidden_tokens > _MOST_DELTAS_PER_TOKEN * self._token_bound().completion_tokens:
            raise self.failed(Fault.GARBAGE, "writes on past the limit of tokens")

    def _count(self, text: str, reported_tokens: int) -> None:
        now_s = self._progress_s = self._clock.monotonic_s()
        if not self.tokens:
            self._first_token_s = now_s - self._started_s
        self.tokens += reported_tokens or _tokens_in(text)
        self._deltas += 1
        self._text_bytes += self._size_bytes(text)
        most = self._token_bound().completion_tokens
        if (
            self._deltas > _MOST_DELTAS_PER_TOKEN * most
            or self._text_bytes > _MOST_BYTES_PER_TOKEN * most
        ):
            raise self.failed(Fault.GARBAGE, "writes on past the limit of tokens")

    def _size_bytes(self, text: str) -> int:
        if text.isascii():
            return len(text)
        try:
            return len(text.encode())
        except UnicodeEncodeError as error:
            # JSON can escape half a character; gRPC cannot carry it.
            raise self.failed(Fault.GARBAGE, "sent half a character") from error

    def _take_finish(self, reason: Any) -> None:
        finish = _FINISH.get(reason) if isinstance(reason, str) else None
        if finish is None:
            raise self.failed(Fault.CUT, "stopped for a reason that is no end of an answer")
        self._finish = finish

    def _take_usage(self, reported: Any) -> None:
        usage = read_usage(reported, self._token_bound(), has_text=self.tokens > 0)
        if usage is not None:
            self._usage = usage
            # Some report as they go; what is written after a report is not in it.
            self._usage_at = self.tokens + self._hidden_tokens
        elif self.is_complete:
            # Some report zeros on every item but the last; only a final one is a lie.
            self.usage_was_refused = True

    def _token_bound(self) -> TokenBound:
        if self._bound is None:
            self._bound = token_bound(self.request)
        return self._bound


def _tokens_in(text: str) -> int:
    return 1 if len(text) <= _LONG_DELTA_CHARS else estimate_tokens(text) or 1
