"""One byte string per value, whatever order its keys were written in, and its hash."""

import hashlib
import json

__all__ = ["canonical_json", "sha256_of"]


def canonical_json(data: object) -> bytes:
    """Return JSON with sorted keys, no spaces, no escapes beyond JSON's own; UTF-8.

    Numbers must be finite. ``1`` and ``1.0`` differ: callers fix the types first.
    """
    text = json.dumps(
        data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode("utf-8")


def sha256_of(data: object) -> str:
    """Return the SHA-256 of the canonical form, lower-case hexadecimal."""
    return hashlib.sha256(canonical_json(data)).hexdigest()
