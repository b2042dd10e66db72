"""What waits for a person, as the ledger records it and as its marker keeps it: without content."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from runtime.ids import NodeName, RequestId, StepId
from runtime.labels import Label
from runtime.ledger.record import ApprovalNote, ApprovalStatus

__all__ = ["Waiting", "marker_of", "note_of", "read_marker"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """One request that waits for a person: for their yes, or for their answer."""

    approval_id: str
    request_id: RequestId
    step: StepId
    """The first step that would read the content elsewhere, or the one that asks."""
    node: NodeName
    """Who would receive the content; of a question, who asks."""
    categories: Label
    content: str = field(repr=False)
    """The very text that would go, or the question."""
    asked_at: datetime
    expires_at: datetime
    wants_answer: bool = False
    """Whether it waits for an answer. Nothing leaves then, whatever the person says."""


def note_of(waiting: Waiting, status: ApprovalStatus, approver: str = "") -> ApprovalNote:
    """Return the ledger's note of what became of it."""
    return ApprovalNote(
        waiting.approval_id,
        waiting.request_id,
        waiting.node,
        waiting.categories,
        status,
        approver,
    )


def marker_of(waiting: Waiting) -> bytes:
    """Return the marker's bytes: ids and categories."""
    fields = {
        "approval": waiting.approval_id,
        "request": waiting.request_id,
        "node": waiting.node,
        "categories": waiting.categories.names(),
    }
    return json.dumps(fields).encode()


def read_marker(path: Path) -> ApprovalNote:
    """Return the note for an open question; one whose marker cannot be read has its name only."""
    try:
        fields = json.loads(path.read_bytes())
        return ApprovalNote(
            str(fields["approval"]),
            RequestId(str(fields["request"])),
            NodeName(str(fields["node"])),
            Label.of(*fields["categories"]),
            ApprovalStatus.RESTARTED,
        )
    except (OSError, ValueError, KeyError, TypeError):
        nobody = RequestId("")
        return ApprovalNote(path.stem, nobody, NodeName(""), Label(), ApprovalStatus.RESTARTED)
