"""The outbox of a daemon, from the first request to the last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from edge.config_outbox import OutboxConfig
from edge.outbox.lifetime import SystemBootClock
from edge.outbox.outbox import Outbox, OutboxTerms
from edge.outbox.queueing import QueueingCollaboration, Runs
from edge.outbox.sending import Sender
from edge.outbox.store import OutboxStore
from runtime.background import meanwhile
from runtime.clock import Clock
from runtime.collaboration.collaboration import Collaboration
from runtime.identity.certificates import load_certificates
from runtime.ids import NodeName

__all__ = ["Queue", "earliest_s", "opened_outbox", "opened_queue"]


@dataclass(frozen=True, slots=True)
class Queue:
    """What the fronts are given."""

    outbox: Outbox
    sender: Sender
    runs: Runs
    """Answers requests, or queues them."""


@asynccontextmanager
async def opened_outbox(
    folder: Path,
    config: OutboxConfig,
    *,
    clock: Clock,
    is_clock_vouched: Callable[[], bool],
    earliest_s: float,
) -> AsyncIterator[Outbox]:
    """Open the outbox of ``folder``; what a crash interrupted waits again.

    Args:
        folder: Holds database and key; made when absent.
        config: How much is kept, and how long.
        clock: The wall clock.
        is_clock_vouched: Whether something beside the device says that its clock is right.
        earliest_s: A wall clock before this, seconds since 1970, is certainly wrong.

    Raises:
        VaultLocked: The key is missing or does not fit, or the database is damaged.
    """
    # One thread of its own: SQLite orders the calls anyway, and they wait for nobody else's.
    executor = ThreadPoolExecutor(1, thread_name_prefix="leeward-outbox")
    store = await asyncio.to_thread(
        OutboxStore, folder, max_items=config.max_items, max_bytes=config.max_bytes
    )
    try:
        yield Outbox(
            store,
            OutboxTerms(config.ttl_s, config.kept_s),
            boot_clock=SystemBootClock(clock),
            clock=clock,
            is_clock_vouched=is_clock_vouched,
            earliest_s=earliest_s,
            executor=executor,
        )
    finally:
        executor.shutdown()
        store.close()


@asynccontextmanager
async def opened_queue(
    outbox: Outbox,
    collaboration: Collaboration,
    *,
    gateway: NodeName | None,
    is_queueing: bool,
    can_send: Callable[[], bool],
    deadline_s: float,
    clock: Clock,
) -> AsyncIterator[Queue]:
    """Answer what waits until the block ends.

    Args:
        outbox: What is kept.
        collaboration: Plans and runs.
        gateway: The node beyond this device, if there is one.
        is_queueing: Whether the policy wants requests queued. What was queued under another one
            is answered all the same, under the policy of now.
        can_send: Whether the gateway can be reached now.
        deadline_s: How long one attempt may take, seconds.
        clock: What pauses are measured by.
    """
    cloud = frozenset({gateway} if gateway is not None else ())
    sender = Sender(
        outbox,
        collaboration,
        can_send=can_send,
        cloud=cloud,
        deadline_s=deadline_s,
        clock=clock,
    )
    runs: Runs = collaboration
    if is_queueing and cloud:
        runs = QueueingCollaboration(collaboration, outbox, sender, cloud=cloud)
    async with meanwhile(sender.work):
        yield Queue(outbox, sender, runs)


def earliest_s(authority_pem: bytes) -> float:
    """Return since when the fleet's authority is valid, seconds since 1970.

    A device enrolled after that, so a clock that shows less is wrong.
    """
    certificates = load_certificates(authority_pem)
    return min(one.not_valid_before_utc for one in certificates).timestamp()
