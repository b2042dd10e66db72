"""Open the agent of a study that is about to run: its key, its transcript, its endpoint.

Dials nobody until a decision is needed that no record holds; a finished study needs no endpoint,
no key and no transcript.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from optimizer.agents.advised_search import AdvisedSearch
from optimizer.agents.chat import ChatPort, ChatReply, ChatRequest
from optimizer.agents.failures import TranscriptMismatch
from optimizer.agents.llm_agent import LLMAgent, Past
from optimizer.agents.openai_chat import Endpoint, OpenAIChat
from optimizer.agents.recorded import RecordedChat
from optimizer.agents.spend import SpendMeter
from optimizer.agents.transcript import TranscriptFile, read_transcript
from optimizer.search.model import Searcher
from optimizer.study.advisor import Advisor, Tally
from optimizer.study.agent_choice import LLMChoice, read_key
from optimizer.study.budget import Budget
from optimizer.study.events import Ended
from optimizer.study.journal import Journal
from optimizer.study.model import Study
from optimizer.study.study_meter import StudyMeter
from runtime.clock import Clock
from runtime.documents.os_reason import os_reason
from runtime.errors import StudyInvalid

__all__ = ["TRANSCRIPT_FILE", "open_advisor"]

TRANSCRIPT_FILE: Final = "agent.jsonl"
_FINISHED: Final = "finished"


@asynccontextmanager
async def open_advisor(
    study: Study,
    searcher: Searcher,
    journal: Journal,
    budget: Budget,
    *,
    environment: Mapping[str, str],
    clock: Clock,
) -> AsyncIterator[Advisor | None]:
    """Open what answers a search's briefs; ``None`` where the searcher asks nobody.

    Raises:
        StudyInvalid: The key is not where the study says, or the transcript cannot be used.
    """
    choice = study.searcher.agent
    if choice is None or not isinstance(searcher, AdvisedSearch):
        yield None
        return
    path = journal.path.with_name(TRANSCRIPT_FILE)

    def endpoint() -> OpenAIChat:
        key = read_key(choice, environment, file=str(study.file))
        return OpenAIChat(_endpoint(choice, key), clock)

    if not _is_finished(journal):
        # Before anything is spent on graphs that the agent would then have nothing to say about.
        read_key(choice, environment, file=str(study.file))
    with _opened(path) as file:
        tally = Tally(file)
        own = SpendMeter(choice.price, choice.caps)
        meter = StudyMeter(own, budget, longest_s=choice.timeout_s)

        def make_llm(past: Past) -> LLMAgent:
            unread = [one for one in read_transcript(path) if one.number > past.calls]
            chat = RecordedChat(unread, then=_LazyChat(endpoint))

            async def pause(seconds: float) -> None:
                if chat.is_over:
                    await asyncio.sleep(seconds)

            return LLMAgent(
                chat,
                settings=choice.settings,
                checks=searcher.checks,
                meter=meter,
                transcript=tally,
                pause=pause,
                past=past,
            )

        advisor = Advisor(searcher, meter=meter, price=choice.price, tally=tally, make_llm=make_llm)
        try:
            yield advisor
        except TranscriptMismatch as mismatch:
            reason = f"does not fit the journal: {mismatch}; start anew in another directory"
            raise StudyInvalid(reason, file=str(path)) from None
        finally:
            await advisor.close()


class _LazyChat:
    """An endpoint that is opened when it is first asked."""

    def __init__(self, make: Callable[[], OpenAIChat]) -> None:
        self._make = make
        self._chat: ChatPort | None = None

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Return the whole answer; see :class:`optimizer.agents.chat.ChatPort`."""
        if self._chat is None:
            self._chat = self._make()
        return await self._chat.complete(request)

    async def close(self) -> None:
        """Give back connections."""
        if self._chat is not None:
            await self._chat.close()


def _endpoint(choice: LLMChoice, key: str) -> Endpoint:
    return Endpoint(
        base_url=choice.base_url,
        api_key=key,
        timeout_s=choice.timeout_s,
        # Reasoning models may be silent for long; only the whole call is bounded.
        idle_timeout_s=choice.timeout_s,
        limit_field=choice.limit_field,
    )


def _is_finished(journal: Journal) -> bool:
    last = journal.recorded[-1] if journal.recorded else None
    return isinstance(last, Ended) and last.reason == _FINISHED


@contextmanager
def _opened(path: Path) -> Iterator[TranscriptFile]:
    try:
        file = TranscriptFile(path)
    except OSError as failure:
        reason = f"cannot be written: {os_reason(failure)}"
        raise StudyInvalid(reason, file=str(path)) from None
    except TranscriptMismatch as mismatch:
        raise StudyInvalid(str(mismatch), file=str(path)) from None
    try:
        yield file
    finally:
        file.close_file()
