"""What a request is labelled with: the sentinel's findings joined with what the caller declared.

Declared labels only add. A detector that failed or timed out joins ``unsure``, whose level is
the policy's ``when_unsure``; with ``when_unsure: refuse`` the request is not served at all.
"""

from collections.abc import Sequence

from runtime.errors import DetectionFailed, RequestInvalid
from runtime.labels import Label
from runtime.policy.model import Policy
from runtime.ports import ChatMessage
from runtime.sentinel.request import scan_request
from runtime.sentinel.scan import Sentinel

__all__ = ["label_of_request"]


async def label_of_request(
    messages: Sequence[ChatMessage], declared: Label, *, sentinel: Sentinel, policy: Policy
) -> Label:
    """Return the label of a request.

    Raises:
        RequestInvalid: There is no user turn to answer.
        DetectionFailed: A detector failed and the policy refuses such requests.
    """
    if not any(turn.role == "user" for turn in messages):
        raise RequestInvalid("must hold a user turn", field="messages")
    scan = await scan_request(sentinel, messages, declared=declared)
    if scan.failed and policy.when_unsure.refuse:
        names = ", ".join(scan.failed)
        raise DetectionFailed(f"detectors failed and the policy refuses: {names}")
    return scan.label
