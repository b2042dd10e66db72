"""What is said when a model does not fit into what models may take of the disk."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from edge.models.record import StoredModel
from runtime.errors import CapacityExhausted

__all__ = ["over_quota"]

_MEGABYTE: Final = 1_000_000


def over_quota(
    quota_bytes: int, whole_bytes: int, others: Sequence[StoredModel]
) -> CapacityExhausted:
    """Return the refusal of a model; names the longest unused that would make room."""
    taken_bytes = sum(model.size_bytes for model in others)
    over_bytes = taken_bytes + whole_bytes - quota_bytes
    whole, quota, taken = (size / _MEGABYTE for size in (whole_bytes, quota_bytes, taken_bytes))
    reason = f"{whole:,.0f} MB do not fit, `disk_quota_mib` allows {quota:,.0f} MB"
    if whole_bytes > quota_bytes:
        return CapacityExhausted(f"{reason} in all; raise it")
    named = []
    for model in sorted(others, key=_last_touched):
        if over_bytes <= 0:
            break
        named.append(model.name)
        over_bytes -= model.size_bytes
    hint = f"`leeward edge models remove {' '.join(named)}` removes the longest unused"
    return CapacityExhausted(f"{reason} and {taken:,.0f} MB are taken; {hint}")


def _last_touched(model: StoredModel) -> datetime:
    pulled_at = model.record.pulled_at if model.record else datetime.min.replace(tzinfo=UTC)
    return model.last_used_at or pulled_at
