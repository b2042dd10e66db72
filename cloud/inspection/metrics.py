"""The second line's rows of the table of metrics."""

from typing import Final

from runtime.telemetry.metrics import Row

__all__ = ["INSPECTION_ROWS"]

_SECONDS: Final = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)

INSPECTION_ROWS: Final[tuple[Row, ...]] = (
    Row(
        "leeward_inspections_total",
        "counter",
        "Calls scanned by the gateway: clear, refused or alerted",
        ("outcome",),
    ),
    Row(
        "leeward_inspection_categories_total",
        "counter",
        "Calls with a category above the gateway's clearance; `other` is in no policy",
        ("category", "outcome"),
    ),
    Row("leeward_inspection_seconds", "histogram", "Time for a call's scan", (), _SECONDS),
)
