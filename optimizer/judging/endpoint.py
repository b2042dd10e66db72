"""A judge behind an OpenAI-compatible endpoint: outside the edge, so only for what is public."""

from __future__ import annotations

from optimizer.agents.chat import ChatFailure, ChatPort, ChatRequest, most_tokens
from optimizer.agents.model import FailureKind
from optimizer.agents.spend import Tokens
from optimizer.evaluation.model import NOTHING
from optimizer.judging.cost import endpoint_spend
from optimizer.judging.model import JudgeEndpoint, JudgeFailure, JudgeReply, JudgeSettings
from optimizer.judging.prompt import verdict_schema
from runtime.errors import StudyInvalid
from runtime.labels import Label
from runtime.ports import ChatMessage

__all__ = ["EndpointJudge"]

_PASSING = frozenset(
    {
        FailureKind.RATE_LIMITED,
        FailureKind.UNREACHABLE,
        FailureKind.TIMED_OUT,
        FailureKind.BROKEN_OFF,
    }
)
_PAUSE_S = 1.0


class EndpointJudge:
    """One endpoint as a ``JudgePort``.

    Args:
        chat: The endpoint.
        endpoint: Its prices.
        settings: Model and bounds.
    """

    def __init__(self, chat: ChatPort, endpoint: JudgeEndpoint, settings: JudgeSettings) -> None:
        self._chat = chat
        self._endpoint = endpoint
        self._settings = settings

    async def ask(self, messages: tuple[ChatMessage, ...], *, label: Label) -> JudgeReply:
        """Return the reply.

        Raises:
            StudyInvalid: What is judged carries a label; it is not sent.
            JudgeFailure: There is no reply.
        """
        if label.categories:
            reason = "may not see what carries a label; judge with a model of the edge"
            raise StudyInvalid(reason, field="scoring.judge")
        request = ChatRequest(
            model=self._settings.model,
            messages=messages,
            max_tokens=self._settings.max_tokens,
            temperature=0.0,
            schema=verdict_schema(self._settings) if self._settings.structured_output else None,
        )
        try:
            reply = await self._chat.complete(request)
        except ChatFailure as failure:
            raise self._failure(failure, most_tokens(request)) from None
        spend = endpoint_spend(self._endpoint, reply.tokens)
        return JudgeReply(reply.text, is_whole=reply.finish_reason == "stop", spend=spend)

    async def close(self) -> None:
        """Close the endpoint's connections."""
        await self._chat.close()

    def _failure(self, failure: ChatFailure, most: Tokens) -> JudgeFailure:
        wait_s = failure.retry_after_s or _PAUSE_S if failure.kind in _PASSING else None
        spend = NOTHING if failure.is_free else endpoint_spend(self._endpoint, most)
        return JudgeFailure(failure.kind.value, spend=spend, retry_after_s=wait_s)
