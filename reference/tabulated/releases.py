"""The release of the benchmark: ``redact`` by the spans that a question is known to hold.

Not the edge's own release, which finds spans by its detectors: what a detector misses would
otherwise differ from question to question and be told as a property of graphs. How good the
detectors are is measured where they are built.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from reference.tabulated.world import CATEGORY_OF
from reference.tasks import Question, placeholders, redact, restore
from reference.tasks.question import REDACTED_KINDS
from runtime.errors import PolicyViolation
from runtime.ids import Category
from runtime.ports import ChatMessage, Provenance, ReleaseRecord

__all__ = ["REDACTABLE", "KnownSpans"]

REDACTABLE: Final = frozenset(CATEGORY_OF[kind] for kind in REDACTED_KINDS)


class KnownSpans:
    """Implements ``ReleasePort`` for one question."""

    def __init__(self, question: Question) -> None:
        self._mapping = placeholders(question.text, question.spans)
        self._kept = {
            CATEGORY_OF[span.kind] for span in question.spans if span.kind in REDACTED_KINDS
        }
        self._spans = sum(span.kind in REDACTED_KINDS for span in question.spans)

    async def release(
        self,
        messages: Sequence[ChatMessage],
        categories: frozenset[Category],
        provenance: Provenance,
        *,
        by: str = "redact",
    ) -> tuple[tuple[ChatMessage, ...], ReleaseRecord]:
        """Return the messages with a placeholder for every identifying span.

        Raises:
            PolicyViolation: Something else is asked for than to redact all of them.
        """
        if by != "redact" or not self._kept <= categories <= REDACTABLE:
            raise PolicyViolation("known spans are redacted all together or not at all")
        released = tuple(
            replace(message, content=self.redact(message.content)) for message in messages
        )
        return released, ReleaseRecord(by, tuple(sorted(categories)), self._spans)

    async def restore(self, text: str, provenance: Provenance) -> str:
        """Return ``text`` with the originals put back."""
        return self.put_back(text)

    async def restore_json(self, text: str, provenance: Provenance) -> str:
        """Return ``text`` as it is: no question of the table has tools."""
        return text

    def restorer(self, provenance: Provenance) -> _WholeText:
        """Return a restorer that shows everything at the end."""
        return _WholeText(self)

    def redact(self, text: str) -> str:
        """Replace every identifying value."""
        return redact(text, self._mapping)

    def put_back(self, text: str) -> str:
        """Undo ``redact``."""
        return restore(text, self._mapping)


@dataclass(slots=True)
class _WholeText:
    """Implements ``StreamRestorer``: nobody watches these streams, so it may hold all back."""

    spans: KnownSpans
    held: str = ""

    def feed(self, text: str) -> str:
        """Keep the next piece."""
        self.held += text
        return ""

    def finish(self) -> str:
        """Return the whole text, restored."""
        return self.spans.put_back(self.held)
