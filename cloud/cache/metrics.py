"""The cache's rows of the table of metrics."""

from typing import Final

from runtime.telemetry.metrics import Row

__all__ = ["CACHE_ROWS"]

CACHE_ROWS: Final[tuple[Row, ...]] = (
    Row(
        "leeward_cache_lookups_total",
        "counter",
        "Calls by how the cache served them: exact, joined, reworded, miss, off",
        ("outcome",),
    ),
    Row(
        "leeward_cache_refusals_total",
        "counter",
        "Calls that the cache may not serve, or a likeness it did not trust, by reason",
        ("reason",),
    ),
    Row("leeward_cache_size_bytes", "gauge", "Memory that kept answers take", ()),
    Row("leeward_cache_answers_count", "gauge", "Answers kept", ()),
)
