"""Ask a second provider when the first is slow, and go on with whichever answers first.

The slower one is hung up on before the faster one's first chunk is passed on, and what it may
charge is accounted for.
"""

import asyncio
from collections.abc import Callable

from cloud.routing.attempt import Attempt
from cloud.upstreams.failures import UpstreamFailed
from runtime.ports import Chunk

__all__ = ["Answered", "race"]

Answered = tuple[Attempt, Chunk]
"""An attempt that has answered, and its first chunk."""


async def race(
    leader: Attempt,
    second: Callable[[], Attempt | None],
    failed: Callable[[Attempt, UpstreamFailed], None],
    *,
    delay_s: float,
) -> Answered | None:
    """Return the attempt that answered first, or ``None`` when all that ran have failed.

    Every attempt but the returned one is closed.

    Args:
        leader: The attempt that was begun.
        second: Begins the other attempt, or returns ``None`` where none may be made.
        failed: Told of every attempt that fails; may raise to end it all.
        delay_s: How long the leader has the field for itself.
    """
    running: dict[asyncio.Future[Chunk], Attempt] = {asyncio.ensure_future(leader.first()): leader}
    try:
        done, _ = await asyncio.wait(running, timeout=delay_s)
        if not done and (rival := second()) is not None:
            running[asyncio.ensure_future(rival.first())] = rival
        while running:
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            # In the order in which they began, so that a tie goes to the leader.
            for task in [task for task in running if task in done]:
                attempt = running[task]
                try:
                    chunk = task.result()
                except UpstreamFailed as failure:
                    del running[task]
                    attempt.failed(failure)
                    failed(attempt, failure)
                else:
                    del running[task]
                    return attempt, chunk
        return None
    finally:
        await _stop(running)


async def _stop(running: dict[asyncio.Future[Chunk], Attempt]) -> None:
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    for attempt in running.values():
        await attempt.close(is_outrun=True)
