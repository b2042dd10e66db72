"""A countersigned head as a file: what an auditor holds a ledger against.

JSON. The gateway writes one for an auditor (``leeward cloud device anchor``), and an edge keeps the
newest that it was given, beside its ledger. Whether the signature is true is not checked here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from runtime.errors import RequestInvalid
from runtime.ids import DeviceId
from runtime.ledger.countersignature import Countersignature, Seen
from runtime.private_files import write_private_file

__all__ = [
    "COUNTERSIGNATURE_FILE",
    "countersignature_fields",
    "keep_countersignature",
    "read_countersignature",
]

COUNTERSIGNATURE_FILE: Final = "countersignature.json"
_FORMAT: Final = "anchor/v1"
_MAX_BYTES: Final = 16 * 1024


def countersignature_fields(signed: Countersignature) -> dict[str, Any]:
    """Return a countersignature as JSON data."""
    seen = signed.seen
    return {
        "leeward": _FORMAT,
        "device": seen.device,
        "position": seen.position,
        "mac": seen.mac.hex(),
        "hash": seen.hash.hex(),
        "seen_at": seen.seen_at.isoformat(),
        "key_id": signed.key_id,
        "signature": signed.signature.hex(),
    }


def keep_countersignature(directory: Path, signed: Countersignature) -> None:
    """Keep the newest one beside a ledger.

    Raises:
        OSError: It cannot be written.
    """
    data = json.dumps(countersignature_fields(signed)).encode()
    write_private_file(directory / COUNTERSIGNATURE_FILE, data)


def read_countersignature(path: Path) -> Countersignature:
    """Read one from a file.

    Raises:
        RequestInvalid: It cannot be read, or is no anchor file.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise RequestInvalid(f"{path} is too large for an anchor file")
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise RequestInvalid(f"{path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise RequestInvalid(f"{path} is not an anchor file: it is not JSON") from None
    try:
        return _of_fields(data)
    except (KeyError, TypeError, ValueError):
        reason = "is not an anchor file as `leeward cloud device anchor` writes it"
        raise RequestInvalid(f"{path} {reason}") from None


def _of_fields(data: Mapping[str, Any]) -> Countersignature:
    if data["leeward"] != _FORMAT:
        raise ValueError(_FORMAT)
    seen = Seen(
        device=DeviceId(str(data["device"])),
        position=int(data["position"]),
        mac=bytes.fromhex(data["mac"]),
        hash=bytes.fromhex(data["hash"]),
        seen_at=datetime.fromisoformat(data["seen_at"]),
    )
    return Countersignature(seen, str(data["key_id"]), bytes.fromhex(data["signature"]))
