"""Verdicts on answers, as ``leeward.v1.Admin`` takes them."""

from collections.abc import Mapping
from typing import Final

from edge.feedback.store import Verdict
from edge.feedback.verdicts import Verdicts
from leeward.v1 import admin_pb2 as pb
from runtime.errors import RequestInvalid
from runtime.ids import RequestId

__all__ = ["take_feedback"]

_VERDICTS: Final[Mapping[pb.AnswerVerdict.ValueType, Verdict]] = {
    pb.ANSWER_VERDICT_RIGHT: "right",
    pb.ANSWER_VERDICT_WRONG: "wrong",
}


async def take_feedback(
    verdicts: Verdicts, request: pb.GiveFeedbackRequest
) -> pb.GiveFeedbackResponse:
    """Take one verdict; say who could use it.

    Raises:
        RequestInvalid: The verdict is neither right nor wrong.
        NotFound: Nobody waits for a verdict on that request.
        RoutingStoreUnusable: The router's verdicts cannot be kept.
    """
    verdict = _VERDICTS.get(request.verdict)
    if verdict is None:
        raise RequestInvalid("must be right or wrong", field="verdict")
    taken = await verdicts.give(RequestId(request.request_id), verdict)
    return pb.GiveFeedbackResponse(by_router=taken.by_router, by_capture=taken.by_capture)
