"""Find all spans that a release must replace, so that a second look finds nothing.

Replacing a span changes what stands around its neighbours; the released text is therefore
scanned again, and what shows up there is traced back to the source, until nothing does.
"""

import asyncio
from collections.abc import Sequence

from edge.privacy.redact import Redacted, Redactor
from runtime.errors import DetectionFailed, GateRefused
from runtime.ids import Category
from runtime.sentinel.coreference import mentions
from runtime.sentinel.placeholder import placeholder_name
from runtime.sentinel.scan import Scan, Sentinel
from runtime.sentinel.span import Span

__all__ = ["find_spans", "scan_all"]

_MAX_ROUNDS = 5


async def find_spans(
    sentinel: Sentinel,
    redactor: Redactor,
    texts: Sequence[str],
    categories: frozenset[Category],
    known_people: Sequence[str] = (),
) -> list[list[Span]]:
    """Return the spans of ``categories`` in each text.

    A person who is named in one text, or was named earlier in the session, is found in all.

    Args:
        sentinel: Finds spans.
        redactor: Replaces them on trial.
        texts: The turns of one request.
        categories: What the release removes.
        known_people: Names from earlier in the session.

    Raises:
        DetectionFailed: A detector failed, so nothing can be said to be removed.
        GateRefused: Spans kept appearing; the text resists redaction.
    """
    found: list[list[Span]] = [
        [span for span in scan.spans if span.category in categories]
        for scan in await scan_all(sentinel, texts)
    ]
    names = set(known_people)
    for text, spans in zip(texts, found, strict=True):
        names |= {text[span.start : span.end] for span in spans if span.kind == "person"}
    if names:
        for text, spans in zip(texts, found, strict=True):
            spans += [span for span in mentions(text, sorted(names)) if span.category in categories]
    for _ in range(_MAX_ROUNDS):
        if not await _add_late_spans(sentinel, redactor, texts, categories, found):
            return found
    raise GateRefused(f"a text still held released categories after {_MAX_ROUNDS} redactions")


async def _add_late_spans(
    sentinel: Sentinel,
    redactor: Redactor,
    texts: Sequence[str],
    categories: frozenset[Category],
    found: list[list[Span]],
) -> bool:
    """Redact on trial and add what a scan of the result still finds; return whether it did."""
    trials = [
        redactor.redact(text, spans, categories, _trial_name)
        for text, spans in zip(texts, found, strict=True)
    ]
    changed = [index for index, trial in enumerate(trials) if trial.text != texts[index]]
    scans = await scan_all(sentinel, [trials[index].text for index in changed])
    is_late = False
    for index, scan in zip(changed, scans, strict=True):
        late = [_traced(trials[index], span) for span in scan.spans if span.category in categories]
        found[index] += late
        is_late = is_late or bool(late)
    return is_late


async def scan_all(sentinel: Sentinel, texts: Sequence[str]) -> list[Scan]:
    """Scan texts side by side.

    Raises:
        DetectionFailed: A detector failed on any of them, so what is in it cannot be said.
    """
    scans = await asyncio.gather(*(sentinel.scan(text) for text in texts))
    failed = sorted({name for scan in scans for name in scan.failed})
    if failed:
        raise DetectionFailed(f"detectors failed: {', '.join(failed)}")
    return list(scans)


def _trial_name(kind: str, value: str) -> str:
    return f"<{placeholder_name(kind)}_1>"


def _traced(redacted: Redacted, span: Span) -> Span:
    """Return the span of the source that a span of the trial stands for."""
    start, end = redacted.source_extent(span.start, span.end)
    return Span(start, end, span.kind, span.category, span.score, span.detector)
