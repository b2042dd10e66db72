"""Run all detectors over a text and combine what they say, failing closed.

A detector that raises, or does not answer in time, makes the text ``unsure``; so does a text
over the size limit. Knows nothing of policies: what ``unsure`` means is theirs to say.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final

from runtime.labels import UNSURE, Label
from runtime.sentinel.categories import KINDS
from runtime.sentinel.commonplaces import without_commonplaces
from runtime.sentinel.coreference import spread_people
from runtime.sentinel.detector import Detector
from runtime.sentinel.guesses import READER, has_reader, without_doubted
from runtime.sentinel.overlap import drop_misreadings, merge_within_categories
from runtime.sentinel.placeholder import (
    LITERAL,
    SENSITIVE,
    placeholder_name,
    without_placeholders,
)
from runtime.sentinel.span import Span

__all__ = ["Scan", "Sentinel"]

logger = logging.getLogger("leeward.sentinel")

_SIZE: Final = "size"
_UNSURE: Final = Label(frozenset({UNSURE}))


@dataclass(frozen=True, slots=True)
class Scan:
    """What a text was found to hold. Content-free."""

    spans: tuple[Span, ...]
    """In text order. Spans of one category never overlap; spans of different ones may."""
    label: Label
    """Union of the spans' categories, and ``unsure`` when anything failed."""
    failed: tuple[str, ...] = ()
    """Detectors that raised or were too late, by name; ``size`` for a text over the limit."""


class _Run:
    """The work on one text; a thread does it while the caller may stop waiting."""

    def __init__(self, text: str, detectors: Sequence[Detector], until_s: float) -> None:
        self.text = text
        self._until_s = until_s
        self._pending = list(detectors)
        self._found: list[Span] = []
        self._failed: list[str] = []
        self.is_abandoned = False

    def execute(self, monotonic_s: Callable[[], float]) -> None:
        """Ask every detector in turn, until none is left or time is up."""
        while self._pending and not self.is_abandoned and monotonic_s() < self._until_s:
            detector = self._pending[0]
            self._ask(detector)
            if self.is_abandoned:
                return  # the caller has already counted this detector as failed
            del self._pending[0]

    def _ask(self, detector: Detector) -> None:
        try:
            spans = detector.detect(self.text)
            if not all(0 <= span.start < span.end <= len(self.text) for span in spans):
                raise ValueError("span outside of the text")  # noqa: TRY301
        except Exception as error:  # noqa: BLE001 - whatever it is, the text is unsure
            self._failed.append(detector.name)
            logger.warning(
                "detector_failed",
                extra={"detector": detector.name, "error": type(error).__name__},
            )
        else:
            self._found.extend(spans)

    def outcome(self) -> tuple[list[Span], tuple[str, ...]]:
        """Return what was found so far; a detector that has not answered has failed."""
        self.is_abandoned = True
        late = [detector.name for detector in self._pending]
        return list(self._found), tuple(dict.fromkeys([*self._failed, *late]))


class Sentinel:
    """Detectors combined: one question, one answer.

    Args:
        detectors: Asked in this order.
        timeout_s: For one text, all detectors together, waiting for a thread included.
        max_characters: Longer texts are not scanned and come back ``unsure``.
        executor: Where ``scan`` does its work, so that the event loop keeps serving; ``None``
            is the loop's own pool. Its size bounds how many texts are scanned at once.
        monotonic_s: The clock against which the time limit runs.
        passes_commonplaces: Whether what tells of nobody is let go (``commonplaces``), and what
            only looks like a name to everything but the model (``guesses``).
    """

    def __init__(
        self,
        detectors: Sequence[Detector],
        *,
        timeout_s: float = 10.0,
        max_characters: int = 1_000_000,
        executor: Executor | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
        passes_commonplaces: bool = True,
    ) -> None:
        self._detectors = tuple(detectors)
        self._timeout_s = timeout_s
        self._max_characters = max_characters
        self._executor = executor
        self._monotonic_s = monotonic_s
        self._passes_commonplaces = passes_commonplaces
        self._has_reader = has_reader(self._detectors)
        self.kinds: frozenset[str] = frozenset(KINDS).union(
            *(detector.kinds for detector in self._detectors)
        )
        """Every kind that a span of this sentinel may have."""
        self._placeholder_names = frozenset(map(placeholder_name, self.kinds)) | {
            LITERAL,
            SENSITIVE,
        }

    def without(self, detector: str) -> "Sentinel":
        """Return the same without one of its detectors, by name."""
        return Sentinel(
            [one for one in self._detectors if one.name != detector],
            timeout_s=self._timeout_s,
            max_characters=self._max_characters,
            executor=self._executor,
            monotonic_s=self._monotonic_s,
            passes_commonplaces=self._passes_commonplaces,
        )

    async def scan(self, text: str) -> Scan:
        """Find what is sensitive in ``text``; never raises for what a detector does."""
        if len(text) > self._max_characters:
            return self._too_large()
        run = self._start(text)
        loop = asyncio.get_running_loop()
        job = loop.run_in_executor(self._executor, self._work, run)
        try:
            done, _ = await asyncio.wait({job}, timeout=self._timeout_s)
        finally:
            run.is_abandoned = True
            job.cancel()
        if done:
            return job.result()
        return self._combined(run)

    def scan_now(self, text: str) -> Scan:
        """Do the same on the calling thread, for tools and tests.

        Nothing can stop a detector that hangs here; one that is merely late fails the scan.
        """
        if len(text) > self._max_characters:
            return self._too_large()
        return self._work(self._start(text))

    def _start(self, text: str) -> _Run:
        return _Run(text, self._detectors, self._monotonic_s() + self._timeout_s)

    def _work(self, run: _Run) -> Scan:
        run.execute(self._monotonic_s)
        return self._combined(run)

    def _combined(self, run: _Run) -> Scan:
        found, failed = run.outcome()
        if self._passes_commonplaces:
            if self._has_reader and READER not in failed:
                found = without_doubted(found)
            found = without_commonplaces(run.text, found)
        found += spread_people(run.text, found)
        content = without_placeholders(run.text, found, self._placeholder_names)
        spans = merge_within_categories(drop_misreadings(content))
        label = Label(frozenset(span.category for span in spans))
        return Scan(spans, label.join(_UNSURE) if failed else label, failed)

    @staticmethod
    def _too_large() -> Scan:
        return Scan((), _UNSURE, (_SIZE,))
