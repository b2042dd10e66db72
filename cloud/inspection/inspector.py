"""Scan a call and refuse, or report, what is above the gateway's own clearance.

An edge releases and scans before it sends. That this gateway finds something all the same means
that an edge is misconfigured, or that a caller has no edge. Fails closed: what cannot be scanned
counts as found.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal

from cloud.calls import Call, CallT
from cloud.inspection.alarm import AlarmSink, ContentAlarm
from cloud.inspection.clearance import Clearance, Finding, Verdict
from cloud.inspection.memory import ScanMemory
from cloud.inspection.texts import names_of_call, texts_of_call
from runtime.clock import Clock
from runtime.errors import ContentRefused, DetectionFailed, LeewardError
from runtime.ids import Category
from runtime.labels import UNSURE, Label
from runtime.ports import ReleaseRecord
from runtime.sentinel.detectors.tagger import TaggerDetector
from runtime.sentinel.scan import Scan, Sentinel
from runtime.sentinel.surrogate import as_tags
from runtime.telemetry.metrics import Metrics

__all__ = ["ContentInspector"]

_INLINE_CHARACTERS: Final = 1_000
"""Up to this much is scanned on the event loop: a hop to a thread and back costs more."""
_SIZE: Final = "size"
"""What failed when a call holds too much text to scan."""


class ContentInspector:
    """The gateway's ``Inspector``.

    Args:
        sentinel: Finds what is sensitive.
        clearance: Says what of it may be here.
        action: Whether a call above the clearance is refused, or passed on with an alarm.
        memory: What earlier scans found.
        alarms: Where alarms are kept, before the caller hears of them.
        metrics: With the rows of ``cloud.inspection.metrics``.
        clock: Times the scans.
        max_characters: A call with more text than this counts as one whose scan failed.
    """

    def __init__(
        self,
        sentinel: Sentinel,
        clearance: Clearance,
        *,
        action: Literal["refuse", "alert"],
        memory: ScanMemory,
        alarms: AlarmSink,
        metrics: Metrics,
        clock: Clock,
        max_characters: int,
    ) -> None:
        self._sentinel = sentinel
        # A model reads by the sentence around a word. A name has none: "ask-cloud" alone reads like
        # a host, "claude" like a person.
        self._name_sentinel = sentinel.without(TaggerDetector.name)
        self._clearance = clearance
        self._refuses = action == "refuse"
        self._memory = memory
        self._alarms = alarms
        self._metrics = metrics
        self._clock = clock
        self._max_characters = max_characters

    async def inspect(self, call: CallT) -> CallT:
        """Return the call with what was found joined to its label.

        Raises:
            ContentRefused: Something declared or found is above the clearance.
            DetectionFailed: A detector failed, or the texts are too long to scan.
        """
        started_s = self._clock.monotonic_s()
        finding = await self._scan(call)
        self._metrics.observe(
            "leeward_inspection_seconds", value=self._clock.monotonic_s() - started_s
        )
        verdict = self._clearance.judge(
            call.request.label, finding, releases=_believed_releases(call)
        )
        if verdict.is_clear:
            self._metrics.count("leeward_inspections_total", "clear")
        else:
            await self._raise_alarm(call, verdict)
        return _labelled(call, verdict.label)

    async def _scan(self, call: Call) -> Finding:
        texts, names = texts_of_call(call), names_of_call(call)
        if sum(map(len, texts + names)) > self._max_characters:
            return Finding({}, (_SIZE,))
        tenant, memory = call.caller.tenant, self._memory
        read = {memory.digest(tenant, text): text for text in texts}
        named = {memory.digest(tenant, name, is_name=True): name for name in names}
        found = await self._findings(self._sentinel, read)
        return _together(found + await self._findings(self._name_sentinel, named))

    async def _findings(self, sentinel: Sentinel, texts: Mapping[bytes, str]) -> list[Finding]:
        """Return what stands in texts, given by their digests; none is scanned a second time."""
        found = {digest: self._memory.recall(digest) for digest in texts}
        unknown = [digest for digest, finding in found.items() if finding is None]
        # Which surrogates an edge has issued is not known here; nobody has any of them.
        scans = await _scans(sentinel, [as_tags(texts[digest]) for digest in unknown])
        for digest, scan in zip(unknown, scans, strict=True):
            found[digest] = finding = _finding(scan)
            self._memory.keep(digest, finding)
        return [finding for finding in found.values() if finding is not None]

    async def _raise_alarm(self, call: Call, verdict: Verdict) -> None:
        outcome: Final = "refused" if self._refuses else "alerted"
        self._metrics.count("leeward_inspections_total", outcome)
        for category in verdict.excess:
            # A declared category is the caller's own word, and may be anything.
            name = category if self._clearance.knows(category) else "other"
            self._metrics.count("leeward_inspection_categories_total", name, outcome)
        where = call.request.provenance
        await self._alarms.note(
            ContentAlarm(
                caller=call.caller,
                model=call.request.model,
                request_id=where.request_id if where else "",
                action=outcome,
                found={str(name): count for name, count in verdict.excess.items()},
                failed=verdict.failed,
            )
        )
        if self._refuses:
            raise self._refusal(verdict)

    def _refusal(self, verdict: Verdict) -> LeewardError:
        if not verdict.excess:
            return DetectionFailed(
                f"the gateway could not check the content: {', '.join(verdict.failed)} failed"
            )
        named = ", ".join(_named(name, count) for name, count in verdict.excess.items())
        return ContentRefused(
            f"the call holds {named}, above this gateway's clearance "
            f"{self._clearance.level.name.lower()}: whoever sent it should have kept or released "
            "it; compare the sender's policy with the gateway's `inspection`",
            found={str(name): count for name, count in verdict.excess.items()},
        )


async def _scans(sentinel: Sentinel, texts: Sequence[str]) -> list[Scan]:
    if sum(map(len, texts)) <= _INLINE_CHARACTERS:
        return [sentinel.scan_now(text) for text in texts]
    return await asyncio.gather(*(sentinel.scan(text) for text in texts))


def _named(category: Category, count: int) -> str:
    if category == UNSURE:
        return "what is labelled `unsure`, as a call without a label is"
    return f"{count} {category}" if count else f"what is labelled `{category}`"


def _believed_releases(call: Call) -> tuple[ReleaseRecord, ...]:
    """Return the releases that a device states; a key's caller has no edge that made any."""
    where = call.request.provenance
    return where.releases if where is not None and call.caller.kind == "device" else ()


def _finding(scan: Scan) -> Finding:
    return Finding(Counter(span.category for span in scan.spans), scan.failed)


def _together(findings: Iterable[Finding]) -> Finding:
    spans: Counter[Category] = Counter()
    failed: dict[str, None] = {}
    for finding in findings:
        spans.update(finding.spans)
        failed |= dict.fromkeys(finding.failed)
    return Finding(spans, tuple(failed))


def _labelled(call: CallT, label: Label) -> CallT:
    if label == call.request.label:
        return call
    return replace(call, request=replace(call.request, label=label))
