"""The client of one node's ``Collaboration``: what an application or a command line uses."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import grpc

from leeward.v1 import collaboration_pb2 as pb
from leeward.v1 import collaboration_pb2_grpc as pb_grpc
from runtime.codec.collaboration import (
    CollaborationCall,
    decode_plan_response,
    encode_plan_request,
    encode_run_request,
)
from runtime.codec.events import decode_event
from runtime.codec.queued import QueuedAnswer, QueuedRun, decode_queued, decode_run
from runtime.executor.events import AnswerDelta, Event, RunFinished
from runtime.planner.model import Plan
from runtime.rpc.calls import read_answer, read_to_last
from runtime.rpc.deadlines import DEFAULT_TIMEOUT_S

__all__ = ["CollaborationClient"]


class CollaborationClient:
    """A node's collaboration graphs, over a channel that the caller owns."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = pb_grpc.CollaborationStub(channel)

    async def plan(self, call: CollaborationCall, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> Plan:
        """Return what :meth:`run` would do with the same call now.

        Raises:
            LeewardError: Whatever the node reported: ``GraphInvalid``, ``LeakFound``, ...
        """
        return await read_answer(
            self._stub.Plan(encode_plan_request(call), timeout=timeout_s), decode_plan_response
        )

    def run(
        self, call: CollaborationCall, *, timeout_s: float = DEFAULT_TIMEOUT_S
    ) -> AsyncGenerator[Event]:
        """Run a graph and stream its events, the plan first and the receipt last.

        Closing the iterator, or cancelling its reader, cancels the run on the node.

        Raises:
            StreamBroken: The stream ended, or the link broke, before the receipt.
            LeewardError: Whatever the node reported.
        """
        return read_to_last(
            lambda: self._stub.Run(encode_run_request(call), timeout=timeout_s),
            decode_event,
            is_last=_is_receipt,
            tokens_in=_tokens_in,
        )

    async def get_queued(self, key: str, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> QueuedAnswer:
        """Return how a request stands that waits for the cloud, and its answer once it is there.

        Raises:
            NotFound: No request of that key is kept there.
            LeewardError: Whatever the node reported.
        """
        request = pb.GetQueuedRequest(idempotency_key=key)
        return await read_answer(self._stub.GetQueued(request, timeout=timeout_s), decode_queued)

    async def cancel_queued(self, key: str, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> QueuedRun:
        """Take a request out of the queue; return how it stands now.

        Raises:
            NotFound: No request of that key is kept there.
            LeewardError: Whatever the node reported.
        """
        request = pb.CancelQueuedRequest(idempotency_key=key)
        return await read_answer(
            self._stub.CancelQueued(request, timeout=timeout_s), lambda item: decode_run(item.run)
        )


def _is_receipt(event: Event) -> bool:
    return isinstance(event, RunFinished)


def _tokens_in(event: Event) -> int:
    # The application's stream carries text, not tokens: each piece counts as one.
    return 1 if isinstance(event, AnswerDelta) else 0
