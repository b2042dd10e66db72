"""The end of a gateway that is told to stop: said first, then nothing new, then what runs ends."""

import asyncio
from collections.abc import Sequence

from cloud.front.opening import OpenFront
from cloud.listener import Listener

__all__ = ["drain"]


async def drain(
    listeners: Sequence[Listener], front: OpenFront | None, *, notice_s: float, grace_s: float
) -> None:
    """Return when the last running answer has ended, or may not go on.

    Args:
        listeners: The gRPC ports.
        front: The HTTP front, where there is one.
        notice_s: How long only health says that the gateway stops, so that whoever spreads calls
            over gateways looks away before one is refused.
        grace_s: How long running answers may go on after that.
    """
    for listener in listeners:
        await listener.announce_stop()
    if front is not None:
        front.app.announce_stop()
    await asyncio.sleep(notice_s)
    async with asyncio.TaskGroup() as group:
        for listener in listeners:
            group.create_task(listener.stop(grace_s))
        if front is not None:
            front.app.refuse_calls()
            group.create_task(front.server.stop(grace_s))
