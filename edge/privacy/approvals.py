"""Requests that wait for a person, who may let content leave as it is.

What the person sees is the very text that would go; it lives in memory only. The ledger holds
each question and what came of it, by ids and categories. A question that is open when the daemon
stops is found again by its marker, a file without content, and recorded as refused.
"""

import asyncio
import json
import logging
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from edge.privacy.releases import EdgeReleases
from runtime.clock import Clock
from runtime.collaboration.approval import Question
from runtime.errors import LedgerUnavailable, LeewardError, NotFound, RequestInvalid
from runtime.ids import NodeName, RequestId, StepId
from runtime.labels import Label
from runtime.ledger.record import ApprovalNote, ApprovalStatus, is_identifier
from runtime.ledger.writer import LedgerWriter
from runtime.policy.model import ReleaseKind
from runtime.ports import Provenance
from runtime.private_files import ensure_private_directory, write_private_file

__all__ = ["Approvals", "Waiting"]

_logger: Final = logging.getLogger("leeward.edge.approvals")

_LONGEST_CONTENT: Final = 200_000
"""Characters; nobody reads more than that, so more is not approved."""
_REMEMBERED: Final = 256
"""Decisions that are told again to whoever decides a second time."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One request that waits for a person."""

    approval_id: str
    request_id: RequestId
    step: StepId
    """The first step that would read the content elsewhere."""
    node: NodeName
    categories: Label
    content: str = field(repr=False)
    """The very text that would go."""
    asked_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class _Open:
    waiting: Waiting
    answer: asyncio.Future[str | None]
    """Who said yes; ``None`` is a no."""


class Approvals:
    """The edge's ``ApprovalDesk``, and the counter at which a person decides.

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
                await self._ledger.append(_read_marker(marker))
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
        if self._places_taken >= self._at_most:
            _logger.warning("approvals_full", extra={"request_id": question.request_id})
            return None
        self._places_taken += 1
        try:
            waiting = await self._waiting(question)
            async with self._opened(waiting) as answer:
                return await self._answered(waiting, answer, question.longest_s)
        except (LeewardError, OSError) as error:
            _logger.warning(
                "approval_not_asked",
                extra={"request_id": question.request_id, "error": type(error).__name__},
            )
            return None
        finally:
            self._places_taken -= 1

    def pending(self) -> tuple[Waiting, ...]:
        """Return what waits, oldest first."""
        return tuple(item.waiting for item in self._open.values())

    async def decide(self, approval_id: str, *, approved: bool, decided_by: str) -> bool:
        """Answer one question; return the decision that stands, which is the first.

        Raises:
            NotFound: Nothing of that name waits.
            RequestInvalid: ``decided_by`` is no identifier.
            LedgerUnavailable: The decision could not be recorded, so it does not count.
        """
        if not decided_by or not is_identifier(decided_by):
            raise RequestInvalid(
                "must be a name without spaces, such as anna.k", field="decided_by"
            )
        if approval_id in self._decided:
            return self._decided[approval_id]
        item = self._open.get(approval_id)
        if item is None or item.answer.done():
            raise NotFound("no request waits under that name; it may have waited too long")
        self._remember(approval_id, approved=approved)
        status = ApprovalStatus.APPROVED if approved else ApprovalStatus.REFUSED
        try:
            await self._ledger.append(_note(item.waiting, status, decided_by))
        except LedgerUnavailable:
            self._remember(approval_id, approved=False)
            self._settle(item, None)
            raise
        self._settle(item, decided_by if approved else None)
        return approved

    async def _waiting(self, question: Question) -> Waiting:
        content = await self._text_to_go(question)
        if len(content) > _LONGEST_CONTENT:
            raise RequestInvalid("is longer than a person reads", field="content")
        asked_at = self._clock.now()
        return Waiting(
            self._new_id(),
            question.request_id,
            question.wanted.reader.step,
            question.wanted.reader.node,
            Label(question.wanted.categories),
            content,
            asked_at,
            asked_at + timedelta(seconds=question.longest_s),
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
    async def _opened(self, waiting: Waiting) -> AsyncIterator[asyncio.Future[str | None]]:
        """Record the question, durably, and show it for as long as the block lasts."""
        marker = self._directory / f"{waiting.approval_id}.json"
        await asyncio.to_thread(write_private_file, marker, _marker(waiting))
        try:
            await self._ledger.append(_note(waiting, ApprovalStatus.ASKED))
            item = _Open(waiting, asyncio.get_running_loop().create_future())
            self._open[waiting.approval_id] = item
            try:
                yield item.answer
            finally:
                del self._open[waiting.approval_id]
        finally:
            marker.unlink(missing_ok=True)

    async def _answered(
        self, waiting: Waiting, answer: asyncio.Future[str | None], longest_s: float
    ) -> str | None:
        status: ApprovalStatus | None = ApprovalStatus.WITHDRAWN
        try:
            async with asyncio.timeout(longest_s):
                approver = await asyncio.shield(answer)
            status = None  # whoever decided has recorded it
        except TimeoutError:
            if waiting.approval_id in self._decided:
                status = None
                return await answer  # a decision that is being recorded at this very moment
            status = ApprovalStatus.EXPIRED
            return None
        else:
            return approver
        finally:
            if status is not None:
                self._ledger.note(_note(waiting, status))

    def _remember(self, approval_id: str, *, approved: bool) -> None:
        self._decided[approval_id] = approved
        while len(self._decided) > _REMEMBERED:
            self._decided.popitem(last=False)

    @staticmethod
    def _settle(item: _Open, approver: str | None) -> None:
        if not item.answer.done():
            item.answer.set_result(approver)


def _note(waiting: Waiting, status: ApprovalStatus, approver: str = "") -> ApprovalNote:
    return ApprovalNote(
        waiting.approval_id,
        waiting.request_id,
        waiting.node,
        waiting.categories,
        status,
        approver,
    )


def _marker(waiting: Waiting) -> bytes:
    fields = {
        "approval": waiting.approval_id,
        "request": waiting.request_id,
        "node": waiting.node,
        "categories": waiting.categories.names(),
    }
    return json.dumps(fields).encode()


def _read_marker(path: Path) -> ApprovalNote:
    """Return the note for an open question; one whose marker cannot be read has its name only."""
    try:
        fields = json.loads(path.read_bytes())
        return ApprovalNote(
            str(fields["approval"]),
            RequestId(str(fields["request"])),
            NodeName(str(fields["node"])),
            Label.of(*fields["categories"]),
            ApprovalStatus.RESTARTED,
        )
    except (OSError, ValueError, KeyError, TypeError):
        nobody = RequestId("")
        return ApprovalNote(path.stem, nobody, NodeName(""), Label(), ApprovalStatus.RESTARTED)
