"""The LLM agent: asks, checks, asks again with the reason, and counts what it all costs.

Three tries per brief. What is sent holds statistics of the search only (see ``facts``), so the
endpoint learns nothing that a question or an answer said. Knows no endpoint and no HTTP.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, TypeVar

from optimizer.agents.chat import (
    ChatFailure,
    ChatPort,
    ChatReply,
    ChatRequest,
    most_tokens,
)
from optimizer.agents.failures import AgentFailed, Rejected, Rejection, RejectionCode
from optimizer.agents.labels import Labels
from optimizer.agents.model import (
    FailureKind,
    InitBrief,
    InitReply,
    RevisionBrief,
    RevisionReply,
)
from optimizer.agents.prompts import init_messages, retry_message, revision_messages
from optimizer.agents.replies import Checks, read_init, read_revision
from optimizer.agents.schemas import init_schema, revision_schema
from optimizer.agents.spend import CapReached, Meter, Reservation, Tokens
from optimizer.agents.transcript import Exchange, Transcript
from runtime.ports import ChatMessage

__all__ = ["AgentSettings", "LLMAgent", "Past", "Structure"]

_WORTH_ANOTHER_TRY: Final = frozenset(
    {
        FailureKind.RATE_LIMITED,
        FailureKind.TIMED_OUT,
        FailureKind.UNREACHABLE,
        FailureKind.BROKEN_OFF,
        FailureKind.TOO_LARGE,
        FailureKind.LOST,
    }
)

_Reply = TypeVar("_Reply", InitReply, RevisionReply)


class Structure(Enum):
    """How the endpoint is told what form a reply has; the prompt says it in any case."""

    AUTO = "auto"
    """By JSON schema, until the endpoint refuses one."""
    SCHEMA = "schema"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """How the LLM agent asks; part of what a replay must agree on."""

    model: str
    temperature: float | None = 0.1
    max_tokens: int = 4096
    """Longest reply, reasoning included."""
    structure: Structure = Structure.AUTO
    insights: bool = True
    """Whether prompts say what is known in general; ``False`` is an ablation."""
    tries: int = 3
    """Calls per brief, failed and rejected ones included; finding out that the endpoint takes no
    schema is one call more, once."""
    pause_s: float = 1.0
    """Wait before trying again after a failed call, times the number of the try."""
    max_pause_s: float = 30.0
    """An endpoint that asks for a longer wait is given up for this brief."""


@dataclass(frozen=True, slots=True)
class _Question:
    """One brief on its way to an endpoint."""

    messages: tuple[ChatMessage, ...]
    schema: dict[str, object]


@dataclass(frozen=True, slots=True)
class Past:
    """What earlier runs of a search leave to an agent that goes on."""

    calls: int = 0
    """Calls that were made, and are not made again."""
    takes_schema: bool = True
    """Whether the endpoint has not yet refused a schema."""


class LLMAgent:
    """An ``AsyncAgent`` behind a chat port; briefs are answered one after another."""

    def __init__(
        self,
        chat: ChatPort,
        *,
        settings: AgentSettings,
        checks: Checks,
        meter: Meter,
        transcript: Transcript,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        past: Past | None = None,
    ) -> None:
        self._chat = chat
        self._settings = settings
        self._checks = checks
        self._meter = meter
        self._transcript = transcript
        self._pause = pause
        past = past or Past()
        # Only `auto` learns from refusals: the others ask after a kill as they would have without.
        self._takes_schema = settings.structure is Structure.SCHEMA or (
            settings.structure is Structure.AUTO and past.takes_schema
        )
        self._calls = past.calls

    @property
    def name(self) -> str:
        """``llm:`` and the model's name."""
        return f"llm:{self._settings.model}"

    async def close(self) -> None:
        """Give back the endpoint's connections."""
        await self._chat.close()

    async def initialise(self, brief: InitBrief) -> InitReply:
        """Let the model pick model-count vectors.

        Raises:
            AgentFailed: It gave no usable reply.
        """
        labels = Labels(brief.ground)
        messages = init_messages(brief, labels, insights=self._settings.insights)
        question = _Question(messages, init_schema(brief))
        return await self._ask(question, lambda text: read_init(text, brief, author=self.name))

    async def revise(self, brief: RevisionBrief) -> RevisionReply:
        """Let the model propose the next graph and new probabilities.

        Raises:
            AgentFailed: It gave no usable reply.
        """
        labels = Labels(brief.ground)
        messages = revision_messages(brief, labels, insights=self._settings.insights)
        question = _Question(messages, revision_schema(brief, labels))
        return await self._ask(
            question,
            lambda text: read_revision(
                text, brief, labels=labels, checks=self._checks, author=self.name
            ),
        )

    async def _ask(self, question: _Question, read: Callable[[str], _Reply]) -> _Reply:
        rejections: list[Rejection] = []
        kind = FailureKind.REJECTED
        for attempt in range(1, self._settings.tries + 1):
            try:
                return await self._try(question, rejections, read)
            except Rejected as refused:
                kind = FailureKind.REJECTED
                rejections.append(refused.rejection)
            except ChatFailure as failure:
                kind = failure.kind
                if not await self._may_go_on(failure, attempt):
                    break
            except CapReached:
                kind = FailureKind.CAP_REACHED
                break
        raise AgentFailed(kind, agent=self.name, rejections=tuple(rejections))

    async def _may_go_on(self, failure: ChatFailure, attempt: int) -> bool:
        """Wait as long as the failure asks for; say whether another try makes sense."""
        # A schema that is insisted on and was not refused in so many words: the server may be ill.
        may_pass = failure.kind is FailureKind.SCHEMA_REFUSED and not failure.is_free
        may_pass = may_pass or failure.kind in _WORTH_ANOTHER_TRY
        if not may_pass or attempt == self._settings.tries:
            return False
        wait_s = max(failure.retry_after_s, self._settings.pause_s * attempt)
        if wait_s > self._settings.max_pause_s:
            return False
        await self._pause(wait_s)
        return True

    async def _try(
        self,
        question: _Question,
        rejections: list[Rejection],
        read: Callable[[str], _Reply],
    ) -> _Reply:
        """Ask once; ask the same without a schema if the endpoint turns out to take none."""
        try:
            return await self._call(self._request(question, rejections), read)
        except ChatFailure as failure:
            unneeded = self._settings.structure is Structure.AUTO
            if failure.kind is not FailureKind.SCHEMA_REFUSED or not unneeded:
                raise
            self._takes_schema = False
        return await self._call(self._request(question, rejections), read)

    def _request(self, question: _Question, rejections: list[Rejection]) -> ChatRequest:
        retry = (retry_message(rejections[-1]),) if rejections else ()
        return ChatRequest(
            model=self._settings.model,
            messages=question.messages + retry,
            max_tokens=self._settings.max_tokens,
            temperature=self._settings.temperature,
            schema=question.schema if self._takes_schema else None,
        )

    async def _call(self, request: ChatRequest, read: Callable[[str], _Reply]) -> _Reply:
        """Make one call: reserve, write down, send, settle, check, write down."""
        reservation = await self._meter.reserve(most_tokens(request))
        self._calls += 1
        opened = Exchange(self._calls, request.as_json(), tokens=reservation.most)
        self._transcript.open(opened)
        try:
            reply = await self._chat.complete(request)
        except ChatFailure as failure:
            self._transcript.close(await self._failed(opened, reservation, failure))
            raise
        except BaseException:
            # Cancelled on the way: whatever it was, it may be billed.
            lost = ChatFailure(FailureKind.LOST)
            self._transcript.close(await self._failed(opened, reservation, lost))
            raise
        await self._meter.settle(reservation, reply.tokens, is_estimate=reply.estimated)
        answered = replace(
            opened,
            text=reply.text,
            finish_reason=reply.finish_reason,
            tokens=reply.tokens,
            estimated=reply.estimated,
            latency_s=reply.latency_s,
        )
        try:
            return _read_whole(reply, read)
        except Rejected as refused:
            answered = replace(answered, rejection=refused.rejection.as_json())
            raise
        finally:
            self._transcript.close(answered)

    async def _failed(
        self, opened: Exchange, reservation: Reservation, failure: ChatFailure
    ) -> Exchange:
        used = Tokens() if failure.is_free else reservation.most
        await self._meter.settle(reservation, used, is_estimate=not failure.is_free)
        return replace(
            opened,
            failure=failure.kind,
            retry_after_s=failure.retry_after_s,
            tokens=used,
            estimated=not failure.is_free,
            latency_s=failure.latency_s,
        )


def _read_whole(reply: ChatReply, read: Callable[[str], _Reply]) -> _Reply:
    if reply.finish_reason == "length":
        detail = "the reply ran into the limit on its length; be shorter"
        raise Rejected(Rejection(RejectionCode.CUT_OFF, detail=detail))
    return read(reply.text)
