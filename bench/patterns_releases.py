"""Ask without revealing: what leaves of a question where the policy generalises or sketches.

Spans are known, as for ``redact`` in ``reference.tabulated.releases``; coarse forms, the writer's
instruction, and what is held against an abstract are the edge's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edge.privacy.coarse import coarse
from edge.privacy.releases import SKETCHES
from edge.privacy.sketch import Sketcher, quotes
from reference.tabulated.releases import KnownSpans
from reference.tabulated.world import CATEGORY_OF, PRICED_ON
from reference.tasks import Question
from reference.tasks.retelling import retold
from runtime.errors import GateRefused
from runtime.ids import Category
from runtime.ports import ChatMessage, Provenance, ReleaseRecord, StreamRestorer

__all__ = ["AskedOtherwise", "RuleWriter"]


class RuleWriter:
    """Implements ``Sketcher``: one who knows every wording of the tasks; a model's upper bound."""

    async def write(
        self,
        messages: Sequence[ChatMessage],
        categories: frozenset[Category],
        provenance: Provenance,
        *,
        attempt: int,
    ) -> str:
        """Return the question as one about nobody; nothing where that cannot be."""
        return retold(messages[-1].content) or ""


class AskedOtherwise:
    """Implements ``ReleasePort`` for one question; nothing that it removes comes back.

    Args:
        question: What is asked; its spans are known.
        writer: Writes the abstracts of ``sketch``.
    """

    def __init__(self, question: Question, writer: Sketcher) -> None:
        self._question = question
        self._writer = writer
        self._plain = KnownSpans(question)

    async def release(
        self,
        messages: Sequence[ChatMessage],
        categories: frozenset[Category],
        provenance: Provenance,
        *,
        by: str = "redact",
    ) -> tuple[tuple[ChatMessage, ...], ReleaseRecord]:
        """Return what is asked in place of the question, and the record of what was done.

        Raises:
            GateRefused: No abstract was free of what it should leave out.
            PolicyViolation: By ``redact``, something else than all that has a placeholder.
        """
        record = ReleaseRecord(by, tuple(sorted(categories)))
        if by == "generalise":
            made = tuple(
                replace(message, content=self._coarse(message.content, categories))
                for message in messages
            )
            return made, record
        if by == "sketch":
            text = await self._abstract(messages, categories, provenance)
            return (ChatMessage("user", text),), record
        return await self._plain.release(messages, categories, provenance, by=by)

    async def restore(self, text: str, provenance: Provenance) -> str:
        """Return ``text`` with the originals of placeholders put back."""
        return await self._plain.restore(text, provenance)

    async def restore_json(self, text: str, provenance: Provenance) -> str:
        """Return ``text`` as it is: no question has tools."""
        return await self._plain.restore_json(text, provenance)

    def restorer(self, provenance: Provenance) -> StreamRestorer:
        """Return a restorer that shows everything at the end."""
        return self._plain.restorer(provenance)

    def _coarse(self, text: str, categories: frozenset[Category]) -> str:
        for value, kind in self._values(categories).items():
            text = text.replace(value, coarse(kind, value, today=PRICED_ON))
        return text

    async def _abstract(
        self,
        messages: Sequence[ChatMessage],
        categories: frozenset[Category],
        provenance: Provenance,
    ) -> str:
        values = self._values(categories)
        for attempt in range(SKETCHES):
            text = await self._writer.write(messages, categories, provenance, attempt=attempt)
            told = text.casefold()
            shows = any(value.casefold() in told for value in values)
            if text and not shows and not quotes(text, messages):
                return text
        raise GateRefused(f"{SKETCHES} abstracts in turn still showed what they should leave out")

    def _values(self, categories: frozenset[Category]) -> dict[str, str]:
        """Return the kind of every sensitive value, the longest first: some stand in others."""
        asked = self._question
        found = {
            asked.text[span.start : span.end]: span.kind
            for span in asked.spans
            if CATEGORY_OF[span.kind] in categories
        }
        return {value: found[value] for value in sorted(found, key=len, reverse=True)}
