"""The outbox as ``leeward.v1`` shows it: to applications by key, to administrators as a list."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from edge.outbox.model import Item, QueuedState
from edge.outbox.outbox import Outbox
from edge.outbox.sending import Sender
from leeward.v1 import admin_pb2
from leeward.v1 import collaboration_pb2 as pb
from runtime.codec.bounds import name
from runtime.codec.events import encode_answer
from runtime.codec.moments import encode_moment
from runtime.codec.receipt import encode_receipt
from runtime.codec.stored import unpack_events
from runtime.executor.events import AnswerFinished, RunFinished

__all__ = ["QueuedRuns"]

_STATES: Final = {
    QueuedState.WAITING: pb.QUEUED_STATE_WAITING,
    QueuedState.RUNNING: pb.QUEUED_STATE_RUNNING,
    QueuedState.ANSWERED: pb.QUEUED_STATE_ANSWERED,
    QueuedState.REFUSED: pb.QUEUED_STATE_REFUSED,
    QueuedState.FAILED: pb.QUEUED_STATE_FAILED,
    QueuedState.EXPIRED: pb.QUEUED_STATE_EXPIRED,
    QueuedState.CANCELLED: pb.QUEUED_STATE_CANCELLED,
}


class QueuedRuns:
    """Answers what is asked about the outbox."""

    def __init__(self, outbox: Outbox, sender: Sender) -> None:
        self._outbox = outbox
        self._sender = sender

    async def get(self, request: pb.GetQueuedRequest) -> pb.GetQueuedResponse:
        """Return how a request stands, with its answer once it is there.

        Raises:
            NotFound: No request of that key is here.
        """
        item = await self._outbox.get(name(request.idempotency_key, "idempotency_key"))
        answer = pb.GetQueuedResponse(run=_encode(item, self._outbox.left_s))
        for event in unpack_events(item.result) if item.result is not None else ():
            if isinstance(event, AnswerFinished):
                answer.answer.CopyFrom(encode_answer(event))
            elif isinstance(event, RunFinished):
                answer.receipt.CopyFrom(encode_receipt(event.receipt))
        return answer

    async def cancel(self, request: pb.CancelQueuedRequest) -> pb.CancelQueuedResponse:
        """Take a request out of the queue.

        Raises:
            NotFound: No request of that key is here.
        """
        item = await self._sender.cancel(name(request.idempotency_key, "idempotency_key"))
        return pb.CancelQueuedResponse(run=_encode(item, self._outbox.left_s))

    async def listed(self) -> admin_pb2.ListQueuedResponse:
        """Return all of the outbox, without content."""
        items = await self._outbox.listed()
        return admin_pb2.ListQueuedResponse(
            runs=[_encode(item, self._outbox.left_s) for item in items]
        )


def _encode(item: Item, left_s: Callable[[Item], float]) -> pb.QueuedRun:
    return pb.QueuedRun(
        idempotency_key=item.key,
        state=_STATES[item.state],
        queued_at=encode_moment(datetime.fromtimestamp(item.queued_at.wall_s, UTC)),
        left_s=left_s(item),
        priority=item.priority,
        no_retry=item.no_retry,
        attempts=item.attempts,
        upstream_repeats=item.upstream_repeats,
        error=item.error,
    )
