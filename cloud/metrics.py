"""Every metric of the gateway: each room's own rows, in one table."""

from typing import Final

from prometheus_client import CollectorRegistry

from cloud.admission.metrics import ADMISSION_ROWS
from cloud.cache.metrics import CACHE_ROWS
from cloud.inspection.metrics import INSPECTION_ROWS
from cloud.routing.metrics import UPSTREAM_ROWS
from runtime.telemetry.metrics import Metrics, Row

__all__ = ["GATEWAY_ROWS", "gateway_metrics"]

GATEWAY_ROWS: Final[tuple[Row, ...]] = (
    *INSPECTION_ROWS,
    *CACHE_ROWS,
    *ADMISSION_ROWS,
    *UPSTREAM_ROWS,
)
"""In the order of the stages."""


def gateway_metrics() -> Metrics:
    """Return the table's metrics in a registry of their own, for ``/metrics``."""
    return Metrics(CollectorRegistry(), GATEWAY_ROWS)
