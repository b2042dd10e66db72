"""Admission's rows of the table of metrics."""

from typing import Final

from runtime.telemetry.metrics import Row

__all__ = ["ADMISSION_ROWS"]

_SECONDS: Final = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)

ADMISSION_ROWS: Final[tuple[Row, ...]] = (
    Row(
        "leeward_admission_refusals_total",
        "counter",
        "Calls that were not admitted, by the class of the failure",
        ("error",),
    ),
    Row("leeward_admission_cost_usd_total", "counter", "Money charged", ("model",)),
    Row(
        "leeward_admission_beyond_total",
        "counter",
        "Calls charged more than was reserved for them",
        ("model",),
    ),
    Row("leeward_admission_open_count", "gauge", "Calls admitted and not settled", ()),
    Row("leeward_admission_unsettled_count", "gauge", "Settlements the store lacks", ()),
    Row(
        "leeward_admission_recovered_total",
        "counter",
        "Reservations of dead gateways that were counted as used up",
        (),
    ),
    Row("leeward_booking_seconds", "histogram", "Time of a transaction", (), _SECONDS),
    Row("leeward_booked_total", "counter", "Reservations and settlements in the store", ()),
)
