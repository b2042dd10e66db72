"""Approvals as ``leeward.v1.Admin`` shows and decides them."""

from google.protobuf.timestamp_pb2 import Timestamp

from edge.privacy.approvals import Approvals
from edge.privacy.waiting import Waiting
from leeward.v1 import admin_pb2 as pb
from runtime.errors import RequestInvalid

__all__ = ["decide_approval", "list_approvals"]


def list_approvals(approvals: Approvals) -> pb.ListApprovalsResponse:
    """Return what waits, oldest first, with the very texts that would go, and the questions."""
    return pb.ListApprovalsResponse(approvals=[_encode(item) for item in approvals.pending()])


async def decide_approval(
    approvals: Approvals, request: pb.DecideApprovalRequest
) -> pb.DecideApprovalResponse:
    """Answer one; the first answer stands.

    Raises:
        RequestInvalid: The decision is neither yes nor no, nobody is named, or an answer is
            missing or out of place.
        NotFound: Nothing of that name waits.
        LedgerUnavailable: The decision could not be recorded, so it does not count.
    """
    if request.decision not in (pb.APPROVAL_DECISION_APPROVED, pb.APPROVAL_DECISION_REFUSED):
        raise RequestInvalid("must be yes or no", field="decision")
    approved = await approvals.decide(
        request.approval_id,
        approved=request.decision == pb.APPROVAL_DECISION_APPROVED,
        decided_by=request.decided_by,
        answer=request.answer,
    )
    return pb.DecideApprovalResponse(
        decision=pb.APPROVAL_DECISION_APPROVED if approved else pb.APPROVAL_DECISION_REFUSED
    )


def _encode(item: Waiting) -> pb.PendingApproval:
    asked_at, expires_at = Timestamp(), Timestamp()
    asked_at.FromDatetime(item.asked_at)
    expires_at.FromDatetime(item.expires_at)
    return pb.PendingApproval(
        approval_id=item.approval_id,
        request_id=item.request_id,
        step=item.step,
        node=item.node,
        categories=item.categories.names(),
        content=item.content,
        asked_at=asked_at,
        expires_at=expires_at,
        wants_answer=item.wants_answer,
    )
