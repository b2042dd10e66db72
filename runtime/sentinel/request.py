"""Label a whole request: every turn is scanned, and the caller's own labels add to it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from runtime.labels import PUBLIC, Label, join
from runtime.ports import ChatMessage
from runtime.sentinel.scan import Scan, Sentinel

__all__ = ["RequestScan", "scan_request"]


@dataclass(frozen=True, slots=True)
class RequestScan:
    """What a request was found to hold. Content-free."""

    scans: tuple[Scan, ...]
    """One per message, in order."""
    label: Label
    """Union over the messages and of what the caller declared."""
    failed: tuple[str, ...] = ()
    """Detectors that failed on any message."""


async def scan_request(
    sentinel: Sentinel, messages: Sequence[ChatMessage], *, declared: Label = PUBLIC
) -> RequestScan:
    """Scan all turns of a chat, system and assistant turns included.

    Args:
        sentinel: What finds the spans.
        messages: The chat as the application sent it.
        declared: Categories that the caller states; they only add.
    """
    scans = await asyncio.gather(*(sentinel.scan(message.content) for message in messages))
    failed = dict.fromkeys(name for scan in scans for name in scan.failed)
    label = join([declared, *(scan.label for scan in scans)])
    return RequestScan(tuple(scans), label, tuple(failed))
