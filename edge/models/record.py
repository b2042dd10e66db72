"""What the store notes about a model that it took in: ``<state>/models/<name>.json``."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from runtime.private_files import write_private_file

__all__ = ["CheckedBy", "PullRecord", "StoredModel", "read_record", "write_record"]

CheckedBy = Literal["given", "hub", "signature", "manifest", "structure"]
"""What a model was compared with: a digest that a person gave, the hub's, a manifest signed by
somebody who is trusted here, a manifest signed by a key that nobody compared, or itself alone."""


@dataclass(frozen=True, slots=True)
class PullRecord:
    """Where a stored model came from, and what it was when it came."""

    source: str
    sha256: str
    """Of the file with the weights or the graph."""
    size_bytes: int
    """Of all its files."""
    pulled_at: datetime
    checked_by: CheckedBy
    signed_by: str = ""
    """Public key, Base64; empty for a model without a manifest."""
    files: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 by name, of a model with several files."""


@dataclass(frozen=True, slots=True)
class StoredModel:
    """One model of the store."""

    name: str
    file: Path
    """The GGUF file, or the folder of an ONNX model."""
    size_bytes: int
    record: PullRecord | None
    """``None`` when it is missing or does not fit the files: a crash came between the two."""
    last_used_at: datetime | None
    """When a daemon last loaded it, if one has."""


def write_record(path: Path, record: PullRecord) -> None:
    """Write a record, for other tools to read too."""
    fields: dict[str, Any] = {
        "source": record.source,
        "sha256": record.sha256,
        "bytes": record.size_bytes,
        "pulled_at": record.pulled_at.astimezone(UTC).isoformat(timespec="seconds"),
        "checked_by": record.checked_by,
        "signed_by": record.signed_by,
        "files": dict(record.files),
    }
    write_private_file(path, json.dumps(fields, indent=2).encode() + b"\n")


def read_record(path: Path) -> PullRecord | None:
    """Read a record; ``None`` when it is missing or cannot be understood."""
    try:
        fields = json.loads(path.read_bytes())
        checked_by = fields["checked_by"]
        if checked_by not in get_args(CheckedBy):
            return None
        return PullRecord(
            source=str(fields["source"]),
            sha256=str(fields["sha256"]),
            size_bytes=int(fields["bytes"]),
            pulled_at=datetime.fromisoformat(fields["pulled_at"]),
            checked_by=checked_by,
            signed_by=str(fields.get("signed_by", "")),
            files={str(name): str(digest) for name, digest in fields.get("files", {}).items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
