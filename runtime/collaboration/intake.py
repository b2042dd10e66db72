"""What a request is labelled with: the sentinel's findings joined with what the caller declared.

Declared labels only add. A person whom the session knows is found by a part of the name alone.
A detector that failed or timed out joins ``unsure``, whose level is the policy's ``when_unsure``;
with ``when_unsure: refuse`` the request is not served at all. A session that cannot be read counts
as a detector that failed.
Sizes are counted without what was found: plans are priced by them, and whether something passes
the gate must not depend on how long a name is.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from runtime.errors import DetectionFailed, RequestInvalid
from runtime.executor.offer import Offer
from runtime.labels import PUBLIC, UNSURE, Label
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
    masked: str = ""
    """The last user turn, every span replaced by the name of its category."""
    unlocated: Label = PUBLIC
    """Categories of the label that no span has: nobody can tell where they are."""


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
    located = Label(frozenset(span.category for spans in found for span in spans))
    label = scan.label.join(located)
    size_bytes = sum(
        _size_bytes(turn.content, spans) for turn, spans in zip(messages, found, strict=True)
    )
    label = label.join(_UNSURE) if failed else label
    asked, spans = next(
        (turn.content, spans)
        for turn, spans in zip(reversed(messages), reversed(found), strict=True)
        if turn.role == "user"
    )
    return Intake(
        label,
        size_bytes // _BYTES_PER_TOKEN,
        masked=_masked(asked, spans),
        unlocated=label.without(located.categories),
    )


def _masked(text: str, spans: Iterable[Span]) -> str:
    return "".join(
        piece if span is None else f"{piece}<{span.category.upper()}>"
        for piece, span in _pieces(text, spans)
    )


def _size_bytes(text: str, spans: Iterable[Span]) -> int:
    """Return the size of ``text`` with every stretch of spans counted as one placeholder."""
    return sum(
        len(piece.encode()) + (0 if span is None else _BYTES_PER_SPAN)
        for piece, span in _pieces(text, spans)
    )


def _pieces(text: str, spans: Iterable[Span]) -> Iterator[tuple[str, Span | None]]:
    """Yield what stands before each stretch of spans with its first span, and what is left."""
    position = 0
    for span in sorted(spans, key=lambda span: span.start):
        if span.start >= position:
            yield text[position : span.start], span
        position = max(position, span.end)
    yield text[position:], None
