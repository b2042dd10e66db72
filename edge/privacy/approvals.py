"""Requests that wait for a person, who may let content leave as it is, or answer a question.

What the person sees is the very text that would go, or the question; it lives in memory only. The
ledger holds what was asked and what came of it, by ids and categories. What is open when the daemon
stops is found again by its marker, a file without content, and recorded as refused.
"""

import asyncio
import logging
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from edge.privacy.releases import EdgeReleases
from edge.privacy.waiting import Waiting, marker_of, note_of, read_marker
from runtime.clock import Clock
from runtime.collaboration.approval import Question
from runtime.errors import LedgerUnavailable, LeewardError, NotFound, RequestInvalid
from runtime.executor.people import PersonAnswer, PersonQuestion
from runtime.ids import NodeName, RequestId, StepId
from runtime.labels import Label
from runtime.ledger.record import ApprovalStatus, is_identifier
from runtime.ledger.writer import LedgerWriter
from runtime.policy.model import ReleaseKind
from runtime.ports import Provenance
from runtime.private_files import ensure_private_directory, write_private_file

__all__ = ["Approvals"]

_logger: Final = logging.getLogger("leeward.edge.approvals")

_LONGEST_CONTENT: Final = 200_000
"""Characters; nobody reads more than that, so more is not approved."""
_REMEMBERED: Final = 256
"""Decisions that are told again to whoever decides a second time."""


@dataclass(frozen=True, slots=True)
class _Open:
    waiting: Waiting
    answer: asyncio.Future[PersonAnswer | None]
    """Who said yes, and what; ``None`` is a no."""


class Approvals:
    """The edge's ``ApprovalDesk``, where questions are asked too, and where a person decides.

    Args:
        releases: Makes the text that would go.
        ledger: Records questions and answers.
        at_most: How many requests wait at the same time; one more is not approved.
        directory: Where markers of open questions are kept, mode 0700.
        clock: Tells when a question was asked.
        new_id: Draws names of approvals.
    """

    def __init__(
        self,
        releases: EdgeReleases,
        ledger: LedgerWriter,
        *,
        at_most: int,
        directory: Path,
        clock: Clock,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self._releases = releases
        self._ledger = ledger
        self._at_most = at_most
        self._directory = directory
        self._clock = clock
        self._new_id = new_id
        self._places_taken = 0
        self._open: dict[str, _Open] = {}
        self._decided: OrderedDict[str, bool] = OrderedDict()

    async def settle_leftovers(self) -> int:
        """Record what was open when the daemon stopped as refused; return how many there were.

        Raises:
            LedgerUnavailable: They cannot be recorded, or markers cannot be kept.
        """
        try:
            await asyncio.to_thread(ensure_private_directory, self._directory)
            markers = sorted(await asyncio.to_thread(lambda: list(self._directory.glob("*.json"))))
            for marker in markers:
                await self._ledger.append(read_marker(marker))
                await asyncio.to_thread(marker.unlink)
        except OSError as error:
            reason = f"approvals cannot be kept in {self._directory}: {error.strerror}"
            raise LedgerUnavailable(reason) from error
        return len(markers)

    async def ask(self, question: Question) -> str | None:
        """Wait for a person; return who said yes.

        Fails closed: no answer in time, a full desk, a text too long to read, a ledger or disk
        that cannot keep the question, all count as a no.
        """
        said = await self._asked(question.request_id, question.longest_s, self._waiting(question))
        return None if said is None else said.by

    async def ask_question(self, question: PersonQuestion, longest_s: float) -> PersonAnswer | None:
        """Wait for a person's answer; fails closed as ``ask`` does.

        Args:
            question: What is asked.
            longest_s: How long, seconds.
        """

        async def waiting() -> Waiting:
            return self._entry(
                question.request_id,
                question.step,
                question.node,
                question.label,
                question.content,
                longest_s,
                wants_answer=True,
            )

        return await self._asked(question.request_id, longest_s, waiting())

    async def _asked(
        self, request_id: RequestId, longest_s: float, making: Coroutine[None, None, Waiting]
    ) -> PersonAnswer | None:
        if self._places_taken >= self._at_most:
            making.close()
            _logger.warning("approvals_full", extra={"request_id": request_id})
            return None
        self._places_taken += 1
        try:
            waiting = await making
            async with self._opened(waiting) as answer:
                return await self._answered(waiting, answer, longest_s)
        except (LeewardError, OSError) as error:
            _logger.warning(
                "approval_not_asked",
                extra={"request_id": request_id, "error": type(error).__name__},
            )
            return None
        finally:
            self._places_taken -= 1

    def pending(self) -> tuple[Waiting, ...]:
        """Return what waits, oldest first."""
        return tuple(item.waiting for item in self._open.values())

    async def decide(
        self, approval_id: str, *, approved: bool, decided_by: str, answer: str = ""
    ) -> bool:
        """Decide one; return the decision that stands, which is the first.

        Args:
            approval_id: Which.
            approved: Whether it may leave; of a question, whether it is answered.
            decided_by: Who decides, for the record.
            answer: What is answered to a question.

        Raises:
            NotFound: Nothing of that name waits, or words come after a decision.
            RequestInvalid: ``decided_by`` is no identifier, or an answer is missing, out of place
                or too long.
            LedgerUnavailable: The decision could not be recorded, so it does not count.
        """
        if not decided_by or not is_identifier(decided_by):
            raise RequestInvalid(
                "must be a name without spaces, such as anna.k", field="decided_by"
            )
        if approval_id in self._decided:
            if answer:
                raise NotFound("somebody decided before; what they said stands")
            return self._decided[approval_id]
        item = self._open.get(approval_id)
        if item is None or item.answer.done():
            raise NotFound("no request waits under that name; it may have waited too long")
        _refuse_answer_out_of_place(item.waiting, answer, approved=approved)
        self._remember(approval_id, approved=approved)
        yes = ApprovalStatus.ANSWERED if item.waiting.wants_answer else ApprovalStatus.APPROVED
        status = yes if approved else ApprovalStatus.REFUSED
        try:
            await self._ledger.append(note_of(item.waiting, status, decided_by))
        except LedgerUnavailable:
            self._remember(approval_id, approved=False)
            self._settle(item, None)
            raise
        self._settle(item, PersonAnswer(answer, decided_by) if approved else None)
        return approved

    async def _waiting(self, question: Question) -> Waiting:
        return self._entry(
            question.request_id,
            question.wanted.reader.step,
            question.wanted.reader.node,
            Label(question.wanted.categories),
            await self._text_to_go(question),
            question.longest_s,
        )

    def _entry(
        self,
        request_id: RequestId,
        step: StepId,
        node: NodeName,
        categories: Label,
        content: str,
        longest_s: float,
        *,
        wants_answer: bool = False,
    ) -> Waiting:
        if len(content) > _LONGEST_CONTENT:
            raise RequestInvalid("is longer than a person reads", field="content")
        asked_at = self._clock.now()
        return Waiting(
            self._new_id(),
            request_id,
            step,
            node,
            categories,
            content,
            asked_at,
            asked_at + timedelta(seconds=longest_s),
            wants_answer,
        )

    async def _text_to_go(self, question: Question) -> str:
        """Apply the plan's other releases, as the executor will once more with the same result."""
        plan = question.wanted.plan
        provenance = Provenance(
            question.request_id,
            question.session_id,
            plan.plan_id,
            StepId(""),
            graph=plan.graph.name,
        )
        messages = question.messages
        for release in plan.releases:
            if release.step is None and release.by is not ReleaseKind.APPROVAL:
                messages, _ = await self._releases.release(
                    messages, release.categories, provenance, by=release.by.value
                )
        return "\n\n".join(f"[{turn.role}] {turn.content}" for turn in messages)

    @asynccontextmanager
    async def _opened(self, waiting: Waiting) -> AsyncIterator[asyncio.Future[PersonAnswer | None]]:
        """Record the question, durably, and show it for as long as the block lasts."""
        marker = self._directory / f"{waiting.approval_id}.json"
        await asyncio.to_thread(write_private_file, marker, marker_of(waiting))
        try:
            await self._ledger.append(note_of(waiting, ApprovalStatus.ASKED))
            item = _Open(waiting, asyncio.get_running_loop().create_future())
            self._open[waiting.approval_id] = item
            try:
                yield item.answer
            finally:
                del self._open[waiting.approval_id]
        finally:
            marker.unlink(missing_ok=True)

    async def _answered(
        self, waiting: Waiting, answer: asyncio.Future[PersonAnswer | None], longest_s: float
    ) -> PersonAnswer | None:
        status: ApprovalStatus | None = ApprovalStatus.WITHDRAWN
        try:
            async with asyncio.timeout(longest_s):
                said = await asyncio.shield(answer)
            status = None  # whoever decided has recorded it
        except TimeoutError:
            if waiting.approval_id in self._decided:
                status = None
                return await answer  # a decision that is being recorded at this very moment
            status = ApprovalStatus.EXPIRED
            return None
        else:
            return said
        finally:
            if status is not None:
                self._ledger.note(note_of(waiting, status))

    def _remember(self, approval_id: str, *, approved: bool) -> None:
        self._decided[approval_id] = approved
        while len(self._decided) > _REMEMBERED:
            self._decided.popitem(last=False)

    @staticmethod
    def _settle(item: _Open, said: PersonAnswer | None) -> None:
        if not item.answer.done():
            item.answer.set_result(said)


def _refuse_answer_out_of_place(waiting: Waiting, answer: str, *, approved: bool) -> None:
    if len(answer) > _LONGEST_CONTENT:
        raise RequestInvalid("is longer than an answer may be", field="answer")
    if waiting.wants_answer and approved and not answer.strip():
        raise RequestInvalid("is missing: this request waits for words, not a yes", field="answer")
    if answer and not (waiting.wants_answer and approved):
        raise RequestInvalid("goes with a yes to a question only: leave it out", field="answer")
