"""What each device's calls came to, by model, summed over its batches. Content-free."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, insert, select, update

from cloud.stores.fleet_tables import fleet_telemetry as table
from runtime.fleet.report import UsageReport
from runtime.ids import DeviceId

__all__ = ["ModelTelemetry", "add_usage", "read_telemetry"]

_MOST_MODELS: Final = 256
"""Of one device; what it calls further ones is not kept."""
_MINE: Final = (table.c.device == bindparam("wanted")) & (table.c.model == bindparam("named"))
_FIND: Final = select(table).where(_MINE)
_CHANGE: Final = update(table).where(_MINE)
_COUNT: Final = select(func.count()).where(table.c.device == bindparam("wanted"))


@dataclass(frozen=True, slots=True)
class ModelTelemetry:
    """The calls of one model on one device."""

    device: str
    model: str
    calls: int
    counts: Mapping[str, int]
    """By names of ``runtime.fleet.telemetry``."""
    updated_at: datetime


def add_usage(
    connection: Connection, device: DeviceId, usage: Iterable[UsageReport], now: datetime
) -> None:
    """Add a batch that was not added before."""
    for one in usage:
        mine = {"wanted": device, "named": one.model}
        known: Any = connection.execute(_FIND, mine).first()
        if known is None:
            if connection.execute(_COUNT, {"wanted": device}).scalar_one() >= _MOST_MODELS:
                continue
            counts, calls = Counter(one.counts), one.calls
        else:
            counts = Counter(json.loads(known.counts)) + Counter(one.counts)
            calls = known.calls + one.calls
        values = {"calls": calls, "counts": json.dumps(counts, sort_keys=True), "updated_at": now}
        if known is None:
            connection.execute(insert(table).values(device=device, model=one.model, **values))
        else:
            connection.execute(_CHANGE, mine | values)


def read_telemetry(connection: Connection) -> list[ModelTelemetry]:
    """Return all that is kept, by device and model."""
    rows = connection.execute(select(table).order_by(table.c.device, table.c.model))
    return [
        ModelTelemetry(row.device, row.model, row.calls, json.loads(row.counts), row.updated_at)
        for row in rows
    ]
