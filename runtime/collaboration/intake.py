"""What a request is labelled with: the sentinel's findings joined with what the caller declared.

Declared labels only add. A person whom the session knows is found by a part of the name alone.
A detector that failed or timed out joins ``unsure``, whose level is the policy's ``when_unsure``;
with ``when_unsure: refuse`` the request is not served at all. A session that cannot be read counts
as a detector that failed.
Sizes are counted without what was found: plans are priced by them, and whether something passes
the gate must not depend on how long a name is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from runtime.errors import DetectionFailed, RequestInvalid
from runtime.executor.offer import Offer
from runtime.labels import UNSURE, Label
from runtime.policy.model import Policy
from runtime.ports import ChatMessage, ToolDefinition
from runtime.sentinel.coreference import mentions
from runtime.sentinel.request import scan_request
from runtime.sentinel.scan import Sentinel
from runtime.sentinel.span import Span

__all__ = ["Intake", "take_in"]

_BYTES_PER_TOKEN: Final = 4
"""Enough for an estimate; the receipt holds what was really counted."""
_BYTES_PER_SPAN: Final = 10
"""About a placeholder's length, whatever the span's."""
_SESSION: Final = "session"
"""What failed when nobody can tell whom the session knows."""
_UNSURE: Final = Label(frozenset({UNSURE}))


@dataclass(frozen=True, slots=True)
class Intake:
    """What a plan may know of a request's text."""

    label: Label
    prompt_tokens: int
    """Estimated size; the same for two texts that differ in their spans' contents only."""


async def take_in(
    messages: Sequence[ChatMessage],
    declared: Label,
    *,
    sentinel: Sentinel,
    policy: Policy,
    people: Sequence[str] | None = (),
    tools: Sequence[ToolDefinition] = (),
) -> Intake:
    """Return the label and the size of a request.

    Args:
        messages: The chat as the application sent it.
        declared: Categories that the caller states.
        sentinel: What finds the spans.
        policy: Says what failed detectors mean.
        people: Whom the session has named before; ``None`` when that cannot be told.
        tools: What the request offers its model.

    Raises:
        RequestInvalid: There is no user turn to answer.
        DetectionFailed: A detector failed and the policy refuses such requests.
    """
    if not any(turn.role == "user" for turn in messages):
        raise RequestInvalid("must hold a user turn", field="messages")
    messages = Offer(tuple(messages), tuple(tools)).texts()
    scan = await scan_request(sentinel, messages, declared=declared)
    failed = scan.failed if people is not None else (*scan.failed, _SESSION)
    if failed and policy.when_unsure.refuse:
        raise DetectionFailed(f"detectors failed and the policy refuses: {', '.join(failed)}")
    found = [
        (*one.spans, *mentions(turn.content, people or ()))
        for turn, one in zip(messages, scan.scans, strict=True)
    ]
    label = scan.label.join(Label(frozenset(span.category for spans in found for span in spans)))
    size_bytes = sum(
        _size_bytes(turn.content, spans) for turn, spans in zip(messages, found, strict=True)
    )
    return Intake(label.join(_UNSURE) if failed else label, size_bytes // _BYTES_PER_TOKEN)


def _size_bytes(text: str, spans: Iterable[Span]) -> int:
    """Return the size of ``text`` with every stretch of spans counted as one placeholder."""
    size_bytes = 0
    position = 0
    for span in sorted(spans, key=lambda span: span.start):
        if span.start >= position:
            size_bytes += len(text[position : span.start].encode()) + _BYTES_PER_SPAN
        position = max(position, span.end)
    return size_bytes + len(text[position:].encode())
