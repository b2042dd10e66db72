"""What an entry records: who, where, which labels, how many bytes. Never what was said.

Every string here is an identifier; one that looks like text is refused, so that no caller can
put content into the ledger by mistake. Knows no chain, no keys and no files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, assert_never

from runtime.errors import LedgerCorrupt, RequestInvalid
from runtime.ids import Category, ModelName, NodeName, PlanId, RequestId, SessionId, StepId
from runtime.labels import PUBLIC, Label
from runtime.ports import ReleaseRecord

__all__ = [
    "ApprovalNote",
    "ApprovalStatus",
    "ContentPassage",
    "ControlPassage",
    "ControlPurpose",
    "Destination",
    "EntryKind",
    "KeyChanged",
    "Opened",
    "Outcome",
    "Record",
    "Recovered",
    "is_identifier",
    "kind_of",
    "record_from_fields",
    "record_to_fields",
]

_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9._:@/+=%\[\]-]{0,200}", re.ASCII)


class EntryKind(Enum):
    """What an entry is about."""

    OPEN = "open"
    """A daemon began to write."""
    CONTENT = "content"
    """Released, scanned content of a request was about to leave."""
    OUTCOME = "outcome"
    """How an earlier content passage ended."""
    CONTROL = "control"
    """Traffic with a fixed schema and no free text."""
    RECOVERY = "recovery"
    """A crash had left a torn last line, which was cut off."""
    KEY_CHANGE = "key_change"
    """The next entries are signed with another key."""
    APPROVAL = "approval"
    """A person was asked for an approval, or what came of it."""


class ControlPurpose(Enum):
    """What control traffic was for."""

    ENROL = "enrol"
    RECOVER = "recover"
    RENEW = "renew"
    HEALTH = "health"
    SYNC = "sync"
    LIST_MODELS = "list_models"
    PULL = "pull"
    TELEMETRY = "telemetry"


class ApprovalStatus(Enum):
    """What became of a request that waited for a person."""

    ASKED = "asked"
    APPROVED = "approved"
    ANSWERED = "answered"
    """A person wrote the answer; nothing left for it."""
    REFUSED = "refused"
    EXPIRED = "expired"
    """Nobody answered in time."""
    WITHDRAWN = "withdrawn"
    """Its caller went away."""
    RESTARTED = "restarted"
    """The daemon stopped while it waited: refused."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where bytes go."""

    node: NodeName
    """As the catalog names it; empty for a host that is no node."""
    address: str
    """``host:port`` or ``unix:/path``, as dialled."""


@dataclass(frozen=True, slots=True)
class ContentPassage:
    """Content of one call, about to leave the edge."""

    destination: Destination
    model: ModelName
    request_id: RequestId
    session_id: SessionId
    plan_id: PlanId
    step_id: StepId
    graph: str
    label_before: Label
    """What the content carried before its releases."""
    label: Label
    """What it carries as it leaves."""
    releases: tuple[ReleaseRecord, ...]
    payload_digest: bytes
    """HMAC-SHA256 of the payload under the ledger's digest key, 32 bytes."""
    payload_bytes: int
    policy_hash: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the passage at position ``of`` ended; written after the fact."""

    of: int
    status: str
    """``ok``, or the class name of the failure."""
    received_bytes: int = 0
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ControlPassage:
    """Traffic with a fixed schema, counted by destination and bytes."""

    destination: Destination
    purpose: ControlPurpose
    sent_bytes: int
    received_bytes: int
    status: str = "ok"


@dataclass(frozen=True, slots=True)
class Opened:
    """A daemon began to write."""

    software_version: str = ""


@dataclass(frozen=True, slots=True)
class Recovered:
    """A torn last line was cut off when the ledger was opened."""

    dropped_bytes: int


@dataclass(frozen=True, slots=True)
class KeyChanged:
    """Entries after this one are signed with another key; the old key signs this one."""

    key_id: str
    public_key: bytes
    """Raw Ed25519 public key, 32 bytes."""


@dataclass(frozen=True, slots=True)
class ApprovalNote:
    """A person was asked whether content may leave, or for an answer; or what came of it."""

    approval_id: str
    request_id: RequestId
    node: NodeName
    """Who would receive it; of a question, the node that asked."""
    categories: Label
    """What would stay in the text; of a question, the label of what was shown."""
    status: ApprovalStatus
    approver: str = ""
    """Who answered, as they named themselves."""


Record = ApprovalNote | ContentPassage | Outcome | ControlPassage | Opened | Recovered | KeyChanged


def is_identifier(text: str) -> bool:
    """Whether ``text`` may stand in the ledger: short, and free of spaces and odd characters."""
    return _IDENTIFIER.fullmatch(text) is not None


def kind_of(record: Record) -> EntryKind:
    """Return the kind under which ``record`` is written."""
    match record:
        case ContentPassage():
            return EntryKind.CONTENT
        case Outcome():
            return EntryKind.OUTCOME
        case ControlPassage():
            return EntryKind.CONTROL
        case Opened():
            return EntryKind.OPEN
        case Recovered():
            return EntryKind.RECOVERY
        case KeyChanged():
            return EntryKind.KEY_CHANGE
        case ApprovalNote():
            return EntryKind.APPROVAL
        case _:
            assert_never(record)


def record_to_fields(record: Record) -> dict[str, Any]:
    """Return ``record`` as JSON-able data.

    Raises:
        RequestInvalid: A string in it is no identifier, so it could be content.
    """
    match record:
        case ContentPassage():
            fields = _content_to_fields(record)
        case Outcome():
            fields = {
                "duration_us": round(record.duration_s * 1e6),
                "of": record.of,
                "received_bytes": record.received_bytes,
                "status": record.status,
            }
        case ControlPassage():
            fields = {
                "destination": _destination_to_fields(record.destination),
                "purpose": record.purpose.value,
                "received_bytes": record.received_bytes,
                "sent_bytes": record.sent_bytes,
                "status": record.status,
            }
        case Opened():
            fields = {"software_version": record.software_version}
        case Recovered():
            fields = {"dropped_bytes": record.dropped_bytes}
        case KeyChanged():
            fields = {"key_id": record.key_id, "public_key": record.public_key.hex()}
        case ApprovalNote():
            fields = {
                "approval": record.approval_id,
                "approver": record.approver,
                "categories": list(record.categories.names()),
                "node": record.node,
                "request": record.request_id,
                "status": record.status.value,
            }
        case _:
            assert_never(record)
    _refuse_text(fields)
    return fields


def record_from_fields(kind: EntryKind, fields: Mapping[str, Any]) -> Record:
    """Read back what :func:`record_to_fields` wrote.

    Raises:
        LedgerCorrupt: The fields are not those of a ``kind`` entry.
    """
    try:
        return _READERS[kind](fields)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise LedgerCorrupt(f"a {kind.value} entry does not have the fields of one") from None


def _content_to_fields(record: ContentPassage) -> dict[str, Any]:
    return {
        "destination": _destination_to_fields(record.destination),
        "graph": record.graph,
        "label": list(record.label.names()),
        "label_before": list(record.label_before.names()),
        "model": record.model,
        "payload_bytes": record.payload_bytes,
        "payload_digest": record.payload_digest.hex(),
        "plan": record.plan_id,
        "policy": record.policy_hash,
        "releases": [_release_to_fields(release) for release in record.releases],
        "request": record.request_id,
        "session": record.session_id,
        "step": record.step_id,
    }


def _release_to_fields(release: ReleaseRecord) -> dict[str, Any]:
    fields = {"by": release.by, "categories": sorted(release.categories), "spans": release.spans}
    return fields | ({"approver": release.approver} if release.approver else {})


def _destination_to_fields(destination: Destination) -> dict[str, str]:
    return {"address": destination.address, "node": destination.node}


def _refuse_text(fields: Mapping[str, Any], path: str = "") -> None:
    for name, value in fields.items():
        place = f"{path}{name}"
        if isinstance(value, Mapping):
            _refuse_text(value, f"{place}.")
            continue
        for item in value if isinstance(value, list) else (value,):
            if isinstance(item, Mapping):
                _refuse_text(item, f"{place}.")
            elif isinstance(item, str) and not is_identifier(item):
                raise RequestInvalid(f"{place} is not an identifier, so the ledger refuses it")


def _read_content(fields: Mapping[str, Any]) -> Record:
    return ContentPassage(
        destination=_read_destination(fields["destination"]),
        model=ModelName(str(fields["model"])),
        request_id=RequestId(str(fields["request"])),
        session_id=SessionId(str(fields["session"])),
        plan_id=PlanId(str(fields["plan"])),
        step_id=StepId(str(fields["step"])),
        graph=str(fields["graph"]),
        label_before=_read_label(fields["label_before"]),
        label=_read_label(fields["label"]),
        releases=tuple(_read_release(release) for release in fields["releases"]),
        payload_digest=bytes.fromhex(fields["payload_digest"]),
        payload_bytes=int(fields["payload_bytes"]),
        policy_hash=str(fields["policy"]),
    )


def _read_outcome(fields: Mapping[str, Any]) -> Record:
    return Outcome(
        of=int(fields["of"]),
        status=str(fields["status"]),
        received_bytes=int(fields["received_bytes"]),
        duration_s=int(fields["duration_us"]) / 1e6,
    )


def _read_control(fields: Mapping[str, Any]) -> Record:
    return ControlPassage(
        destination=_read_destination(fields["destination"]),
        purpose=ControlPurpose(fields["purpose"]),
        sent_bytes=int(fields["sent_bytes"]),
        received_bytes=int(fields["received_bytes"]),
        status=str(fields["status"]),
    )


def _read_opened(fields: Mapping[str, Any]) -> Record:
    return Opened(software_version=str(fields["software_version"]))


def _read_recovered(fields: Mapping[str, Any]) -> Record:
    return Recovered(dropped_bytes=int(fields["dropped_bytes"]))


def _read_key_changed(fields: Mapping[str, Any]) -> Record:
    return KeyChanged(key_id=str(fields["key_id"]), public_key=bytes.fromhex(fields["public_key"]))


def _read_approval(fields: Mapping[str, Any]) -> Record:
    return ApprovalNote(
        approval_id=str(fields["approval"]),
        request_id=RequestId(str(fields["request"])),
        node=NodeName(str(fields["node"])),
        categories=_read_label(fields["categories"]),
        status=ApprovalStatus(fields["status"]),
        approver=str(fields["approver"]),
    )


def _read_destination(fields: Mapping[str, Any]) -> Destination:
    return Destination(node=NodeName(str(fields["node"])), address=str(fields["address"]))


def _read_label(names: Iterable[str]) -> Label:
    label = Label.of(*names)
    return label if label.categories else PUBLIC


def _read_release(fields: Mapping[str, Any]) -> ReleaseRecord:
    return ReleaseRecord(
        by=str(fields["by"]),
        categories=tuple(Category(str(name)) for name in fields["categories"]),
        spans=int(fields["spans"]),
        approver=str(fields.get("approver", "")),
    )


_READERS: Final = {
    EntryKind.CONTENT: _read_content,
    EntryKind.OUTCOME: _read_outcome,
    EntryKind.CONTROL: _read_control,
    EntryKind.OPEN: _read_opened,
    EntryKind.RECOVERY: _read_recovered,
    EntryKind.KEY_CHANGE: _read_key_changed,
    EntryKind.APPROVAL: _read_approval,
}
