"""Ask the daemon on this very device what waits for the cloud; loopback only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edge.egress.door import open_local
from leeward.v1 import admin_pb2 as pb
from leeward.v1 import admin_pb2_grpc
from runtime.codec.queued import QueuedAnswer, QueuedRun, decode_queued_runs
from runtime.rpc.calls import read_answer
from runtime.rpc.collaboration_client import CollaborationClient

__all__ = ["cancel_queued", "read_queued", "read_queue"]

_TIMEOUT_S: Final = 10.0


async def read_queue(listen: str) -> Sequence[QueuedRun]:
    """Return the outbox: those that wait in their order, then the others, newest first.

    Raises:
        BackendUnavailable: No daemon answers at ``listen``.
        ConfigInvalid: ``listen`` is not a loopback address.
    """
    async with open_local(listen) as channel:
        call = admin_pb2_grpc.AdminStub(channel).ListQueued(
            pb.ListQueuedRequest(), timeout=_TIMEOUT_S
        )
        return await read_answer(call, decode_queued_runs)


async def read_queued(listen: str, key: str) -> QueuedAnswer:
    """Return one request of the outbox, with its answer once it is there.

    Raises:
        NotFound: No request of that key is in the outbox.
    """
    async with open_local(listen) as channel:
        return await CollaborationClient(channel).get_queued(key, timeout_s=_TIMEOUT_S)


async def cancel_queued(listen: str, key: str) -> QueuedRun:
    """Take a request out of the outbox; return how it stands now.

    Raises:
        NotFound: No request of that key is in the outbox.
    """
    async with open_local(listen) as channel:
        return await CollaborationClient(channel).cancel_queued(key, timeout_s=_TIMEOUT_S)
