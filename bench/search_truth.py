"""What enumeration of a space of teams says: optima under every cap, choices without a search."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bench.search_runs import World

__all__ = ["controls", "truth_of"]


def controls(world: World, optimum: float) -> dict[str, float]:
    """Return the regret of choices that need no search, in points, search half."""
    candidates = world.space.candidates()
    models = len(world.spec.edge)
    accuracy = world.search.accuracy
    alone = [
        row
        for row, one in enumerate(candidates)
        if one.choices[-1] == 0 and sum(one.choices[:models]) == 1
    ]
    everyone = next(
        row
        for row, one in enumerate(candidates)
        if one.choices[-1] == 0 and sum(one.choices[:models]) == models
    )
    return {
        "best_single_edge_model_pp": round(100 * (optimum - float(accuracy[alone].max())), 3),
        "all_edge_majority_pp": round(100 * (optimum - float(accuracy[everyone])), 3),
    }


def truth_of(world: World) -> dict[str, object]:
    """Return the optimum under every cap as it stands on both halves, with a checksum."""
    rows = []
    for cap in world.spec.caps:
        allowed = world.search.share <= cap + 1e-9
        if not allowed.any():
            continue
        best = int(np.where(allowed, world.search.accuracy, -1.0).argmax())
        other = world.report.share <= cap + 1e-9
        rows.append(
            {
                "cap": cap,
                "feasible": round(float(allowed.mean()), 4),
                "graph": world.space.candidates()[best].key,
                "search_accuracy": round(float(world.search.accuracy[best]), 5),
                "search_share": round(float(world.search.share[best]), 5),
                "report_accuracy": round(float(world.report.accuracy[best]), 5),
                "report_share": round(float(world.report.share[best]), 5),
                "report_optimum": round(
                    float(np.where(other, world.report.accuracy, -1.0).max()), 5
                ),
            }
        )
    text = json.dumps(rows, sort_keys=True)
    return {
        "graphs": len(world.space.candidates()),
        "search_questions": len(world.table.search),
        "report_questions": len(world.table.report),
        "matrix_sha256": world.table.matrix_sha256,
        "table": rows,
        "table_sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
