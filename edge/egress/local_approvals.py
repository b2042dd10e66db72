"""Ask the daemon on this very device what waits for a person, and answer; loopback only."""

from __future__ import annotations

from typing import Any, Final

from edge.egress.door import open_local
from leeward.v1 import admin_pb2 as pb
from leeward.v1 import admin_pb2_grpc
from runtime.rpc.calls import read_answer

__all__ = ["decide_approval", "read_approvals"]

_TIMEOUT_S: Final = 10.0


async def read_approvals(listen: str) -> list[dict[str, Any]]:
    """Return what waits, oldest first, with the texts that would go.

    Raises:
        BackendUnavailable: No daemon answers at ``listen``.
        ConfigInvalid: ``listen`` is not a loopback address.
    """
    async with open_local(listen) as channel:
        call = admin_pb2_grpc.AdminStub(channel).ListApprovals(
            pb.ListApprovalsRequest(), timeout=_TIMEOUT_S
        )
        return await read_answer(call, lambda answer: [_plain(item) for item in answer.approvals])


async def decide_approval(
    listen: str, approval_id: str, *, approved: bool, by: str, answer: str = ""
) -> bool:
    """Say yes or no, or answer; return the decision that stands, which is the first.

    Raises:
        NotFound: Nothing of that name waits.
        RequestInvalid: ``by`` is not a plain name, or an answer is missing or out of place.
    """
    decision = pb.APPROVAL_DECISION_APPROVED if approved else pb.APPROVAL_DECISION_REFUSED
    request = pb.DecideApprovalRequest(
        approval_id=approval_id, decision=decision, decided_by=by, answer=answer
    )
    async with open_local(listen) as channel:
        call = admin_pb2_grpc.AdminStub(channel).DecideApproval(request, timeout=_TIMEOUT_S)
        return await read_answer(
            call, lambda answer: answer.decision == pb.APPROVAL_DECISION_APPROVED
        )


def _plain(item: pb.PendingApproval) -> dict[str, Any]:
    return {
        "id": item.approval_id,
        "request": item.request_id,
        "step": item.step,
        "node": item.node,
        "categories": list(item.categories),
        "wants": "answer" if item.wants_answer else "yes",
        "content": item.content,
        "asked_at": item.asked_at.ToDatetime().isoformat(timespec="seconds") + "Z",
        "expires_at": item.expires_at.ToDatetime().isoformat(timespec="seconds") + "Z",
    }
