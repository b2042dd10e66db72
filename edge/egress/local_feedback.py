"""Tell the daemon on this very device what is thought of an answer; loopback only."""

from __future__ import annotations

from typing import Final

from edge.egress.door import open_local
from edge.feedback.store import Verdict
from edge.feedback.verdicts import NOBODY_WAITS, Taken
from leeward.v1 import admin_pb2 as pb
from leeward.v1 import admin_pb2_grpc
from runtime.errors import NotFound
from runtime.ids import RequestId
from runtime.rpc.calls import read_answer

__all__ = ["give_feedback"]

_TIMEOUT_S: Final = 10.0


async def give_feedback(listen: str, request: RequestId, verdict: Verdict) -> Taken:
    """Tell a verdict; return who could use it.

    Raises:
        NotFound: Nobody waits for a verdict on that request.
        RoutingStoreUnusable: The router's verdicts cannot be kept.
        BackendUnavailable: No daemon answers at ``listen``.
    """
    said = pb.ANSWER_VERDICT_RIGHT if verdict == "right" else pb.ANSWER_VERDICT_WRONG
    async with open_local(listen) as channel:
        call = admin_pb2_grpc.AdminStub(channel).GiveFeedback(
            pb.GiveFeedbackRequest(request_id=request, verdict=said), timeout=_TIMEOUT_S
        )
        try:
            return await read_answer(
                call,
                lambda answer: Taken(by_router=answer.by_router, by_capture=answer.by_capture),
            )
        except NotFound:  # a status never says why; this command's caller may know
            raise NotFound(NOBODY_WAITS) from None
