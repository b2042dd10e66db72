"""The figures of a run of ``bench.edge_serving`` as the table that docs/serving.md shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

__all__ = ["table_of", "table_of_file"]

_ROWS: Final = (
    (
        "of the bare batched loop, 8 and 16 callers",
        (
            "ratio_vs_batched_loop_8",
            "ratio_vs_batched_loop_16",
        ),
        "0.92",
    ),
    (
        "over the packaged server, 8 and 16 callers",
        (
            "ratio_vs_packaged_server_8",
            "ratio_vs_packaged_server_16",
        ),
        "3 and 4",
    ),
    ("one stream, of the raw loop", ("ratio_single_vs_raw_loop",), "0.96"),
    ("the same, that could be reached", ("reachable_ratio_1",), ""),
    (
        "between tokens of eight streams while a ninth's prompt is read, p99 over p50",
        ("inter_token_p99_over_p50",),
        "3",
    ),
    ("the same with the prompt read whole", ("stall_without_chunking_over_p50",), ""),
    (
        "first token of that ninth, p50 and p99, ms",
        (
            "ttft_ms_p50",
            "ttft_ms_p99",
        ),
        "",
    ),
    (
        "a kept prefix of 1,000 tokens, first token over that without",
        ("prefix_hit_ttft_ratio",),
        "0.1",
    ),
    ("same text alone and among others", ("identical_text_share",), "0.99"),
    (
        "one stream of `gannet-l` that guesses over one that does not",
        ("speculative_speedup_1",),
        "1.2",
    ),
    ("guesses that were kept", ("speculative_acceptance",), ""),
    (
        "what guessing could win, at that and at 1",
        (
            "speculative_bound_1",
            "speculative_bound_1_if_always_right",
        ),
        "",
    ),
    (
        "eight such streams; a text without repeats",
        (
            "speculative_ratio_8",
            "speculative_no_repeat_ratio_1",
        ),
        "0.97",
    ),
)


def table_of(figures: Mapping[str, Any]) -> str:
    """Return a Markdown table of the figures that a run has, in a fixed order.

    Args:
        figures: The JSON object of a run, whole or of one part.
    """
    lines = ["| figure | measured | aim |", "|---|---|---|"]
    for title, keys, aim in _ROWS:
        if all(key in figures for key in keys):
            values = " and ".join(f"{figures[key]:,}" for key in keys)
            lines.append(f"| {title} | {values} | {aim} |")
    return "\n".join(lines)


def table_of_file(path: Path) -> str:
    """Return the table of a run whose output was kept; its last line is the JSON object."""
    return table_of(json.loads(path.read_text(encoding="utf-8").strip().splitlines()[-1]))
