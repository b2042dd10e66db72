"""How records of the gateway's store are shown: as JSON, and in tables."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

__all__ = ["moment", "record_data"]


def record_data(record: Any) -> dict[str, object]:
    """Return a record as JSON data; moments in ISO 8601."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(record).items()
    }


def moment(at: datetime | None) -> str:
    """Return a moment as a table shows it, in UTC."""
    return "-" if at is None else f"{at:%Y-%m-%d %H:%M}"
