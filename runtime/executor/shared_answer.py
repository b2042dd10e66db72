"""An answer that two models write in turns: what there is of it, and how each is asked for more.

Both read the same chat, in the form that the plan released, and the answer so far. What goes to the
cloud step's own model is a call like any other: it passes the gate, and has its line in the ledger.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import Final

from runtime.errors import (
    ContentRefused,
    ContextOverflow,
    DeadlineExceeded,
    GateRefused,
    RequestInvalid,
    StreamBroken,
)
from runtime.executor.call import Call, Caller, Drawn, Progress, Seat
from runtime.executor.channel import EventChannel
from runtime.executor.events import DraftCount, Event
from runtime.executor.pace import Pace
from runtime.executor.usage import total_usage
from runtime.ports import (
    Chunk,
    Completion,
    FinishReason,
    GenerateRequest,
    Sampling,
    TextDelta,
    Usage,
)

__all__ = ["SharedAnswer"]

_NOT_GONE_ON: Final = (GateRefused, ContentRefused, RequestInvalid, ContextOverflow)
"""What was begun may not leave, has no room, or is not gone on with."""
_LETTERS: Final = str.maketrans("0123456789", "ghijklmnop")


class SharedAnswer:
    """One answer in the making.

    Args:
        caller: Makes calls, and opens streams.
        call: What is asked of the step's model, and how its text is shown.
        near: Where the small model is.
        pace: What was measured of the two.
        channel: Where events go.
        progress: Counts the calls of the step's model.
        monotonic_s: Reads the clock that deadlines are on.
    """

    def __init__(
        self,
        caller: Caller,
        call: Call,
        near: Seat,
        *,
        pace: Pace,
        channel: EventChannel,
        progress: Progress,
        monotonic_s: Callable[[], float],
    ) -> None:
        self.pace = pace
        self.monotonic_s = monotonic_s
        self.text = ""
        self.tokens = 0
        """Of the text, as whoever wrote them counts them."""
        self.calls = 0
        """Of the step's model."""
        self.is_heeded = False
        """Whether the step's model is known to go on with what was begun."""
        self.written_tokens = 0
        """Of the small model."""
        self.kept_tokens = 0
        """Of those, what is in the answer."""
        self._caller = caller
        self._call = call
        self._near = near
        self._channel = channel
        self._progress = progress
        self._usages: list[Usage] = []
        self._last: Completion | None = None

    @property
    def room(self) -> int:
        """How many tokens the answer may still have."""
        return self._call.request.sampling.max_tokens - self.tokens

    @property
    def left_s(self) -> float:
        """Time left of the caller's deadline, seconds."""
        return self._call.deadline_at_s - self.monotonic_s()

    def drawn(self, finish: FinishReason) -> Drawn:
        """Return the whole answer."""
        last = self._last or Completion(finish)
        return Drawn(
            self.text,
            replace(last, finish_reason=finish, usage=total_usage(self._usages), tool_calls=()),
            drafted=DraftCount(self._near.model, self.written_tokens, self.kept_tokens),
            said_tokens=self.tokens,
        )

    async def say(self, text: str, tokens: int) -> None:
        """Add a piece to the answer, and show it."""
        event = self._added(TextDelta(text, tokens))
        if event is not None:
            await self._channel.put(event)

    async def ask(self, draft: str, max_tokens: int) -> Drawn:
        """Have the step's model say what follows, and add nothing yet.

        Args:
            draft: A guess at it.
            max_tokens: What it may write, behind what it takes over of the guess.

        Raises:
            LeewardError: The call failed, or did not pass the gate.
        """
        return await self._asked(draft, max_tokens, show=None)

    async def alone(self) -> FinishReason:
        """Let the step's model write all the rest."""
        if self.room < 1:
            return FinishReason.LENGTH
        if self.text and not self.is_heeded:
            return await self.anew()
        times_s: list[float] = []
        counts: list[int] = []

        def show(delta: TextDelta) -> Event | None:
            times_s.append(self.monotonic_s())
            counts.append(delta.tokens)
            return self._added(delta)

        try:
            drawn = await self._asked("", self.room, show=show)
        except _NOT_GONE_ON:
            if not self.text:
                raise
            return await self.anew()
        if times_s:
            self.pace.note_alone(sum(counts[1:]), times_s[-1] - times_s[0])
        return drawn.completion.finish_reason

    async def anew(self) -> FinishReason:
        """Have the step's model give its answer from the beginning, and show what is new of it.

        Raises:
            StreamBroken: It is not what was shown so far.
        """
        shown, self.text, self.tokens = self.text, "", 0
        told = shown

        def show(delta: TextDelta) -> Event | None:
            nonlocal told
            self.text += delta.text
            self.tokens += delta.tokens
            size = min(len(told), len(delta.text))
            if told[:size] != delta.text[:size]:
                raise self._broken()
            told = told[size:]
            new = replace(delta, text=delta.text[size:])
            return self._call.show(new) if self._call.show is not None and new.text else None

        drawn = await self._asked("", self.room, show=show)
        if told:
            raise self._broken()
        return drawn.completion.finish_reason

    def near_stream(self, max_tokens: int, *, logprobs: int = 0) -> AsyncGenerator[Chunk, None]:
        """Open what the small model says next; the caller closes it, and minds ``left_s``.

        Raises:
            BackendUnavailable: Its node is not connected.
        """
        if self.left_s <= 0:
            raise DeadlineExceeded(f"no time left for a call of {self._near.node}")
        request = replace(
            self._call.request,
            model=self._near.model,
            sampling=Sampling(max_tokens=max_tokens, logprobs=logprobs),
            begun=self.text,
            idempotency_key="",
            timeout_s=self.left_s,
        )
        return self._caller.opened(replace(self._call, request=request, seat=self._near))

    async def _asked(
        self, draft: str, max_tokens: int, *, show: Callable[[TextDelta], Event | None] | None
    ) -> Drawn:
        whole = self._call.request
        request = replace(
            whole,
            sampling=replace(whole.sampling, max_tokens=max_tokens),
            begun=self.text,
            draft=draft,
        )
        if request.continues:
            request = replace(request, idempotency_key=_part_key(request))
        call = replace(self._call, request=request, show=show)
        self.calls += 1
        before = self._progress.tokens
        drawn = await self._caller.draw(call, self._channel, self._progress)
        self._usages.append(drawn.completion.usage)
        self._last = drawn.completion
        if request.continues:
            self.is_heeded = drawn.completion.continued
        return replace(drawn, said_tokens=self._progress.tokens - before)

    def _added(self, delta: TextDelta) -> Event | None:
        self.text += delta.text
        self.tokens += delta.tokens
        if self._progress.first_token_at_s is None:
            self._progress.first_token_at_s = self.monotonic_s()
        return self._call.show(delta) if self._call.show is not None and delta.text else None

    def _broken(self) -> StreamBroken:
        reason = f"model {self._call.seat.model} answers otherwise than it began"
        return StreamBroken(reason, received_tokens=self.tokens)


def _part_key(request: GenerateRequest) -> str:
    """Return the idempotency key of a part: another one where other text was begun or guessed.

    A request that is kept until it is answered may be run twice, and write otherwise the second
    time; its parts must not be taken for those of the first. Letters alone: digits could be read as
    somebody's number at the gate.
    """
    asked = f"{request.sampling.max_tokens}\0{request.begun}\0{request.draft}".encode()
    digest = hashlib.blake2b(asked, digest_size=8).hexdigest()
    return f"{request.idempotency_key}/{digest.translate(_LETTERS)}"
