"""From the times of ``bench.gateway`` to its figures: differences and ratios of percentiles.

A headline figure is the worse of the two fronts; each front's own has its name before it.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Final

from bench.gateway_kinds import DIRECT, FLOOR, GRPC, HTTP, LITELLM
from bench.gateway_rounds import Rounds

__all__ = ["figures_of", "spread_of"]

_HIGHER_IS_BETTER: Final = frozenset({"rps_64", "rps_per_core_vs_floor", "rps_ratio_vs_litellm"})
Figures = dict[str, float | None]


def figures_of(rounds: Rounds) -> dict[str, object]:
    """Return every figure of the timed part; ``None`` where its peer or front was not there."""
    fronts = {name: _front(rounds, name) for name in (HTTP, GRPC)}
    figures: dict[str, object] = dict(_worse(fronts))
    for name, of_front in fronts.items():
        figures |= {f"{name}_{key}": value for key, value in of_front.items()}
    return figures | _baselines(rounds) | _whole(rounds)


def spread_of(rounds: Rounds) -> dict[str, object]:
    """Return the smallest and largest of the headline differences over the rounds."""
    spread: dict[str, object] = {}
    for name in (HTTP, GRPC, FLOOR, LITELLM):
        if name in rounds.sequential_ms:
            pairs = zip(rounds.sequential_ms[name], rounds.sequential_ms[DIRECT], strict=True)
            added = [_percentile(one, 50) - _percentile(base, 50) for one, base in pairs]
            per_s = [flood.per_s for flood in rounds.floods[name]]
            spread[name] = {
                "added_ms_p50": [round(min(added), 4), round(max(added), 4)],
                "rps_64": [round(min(per_s), 1), round(max(per_s), 1)],
            }
    return spread


def _front(rounds: Rounds, name: str) -> Figures:
    """Return one front's figures, against all its baselines."""
    sequential = rounds.sequential_ms
    added_ms = _added(sequential, name, 50)
    floor_ms = _added(sequential, FLOOR, 50)
    figures: Figures = {
        "overhead_ms_p50": added_ms,
        "overhead_ms_p99": _added(sequential, name, 99),
        "overhead_over_floor_ms_p50": round(added_ms - floor_ms, 4),
        "overhead_64_ms_p50": _added_to_streams(rounds, name, 50),
        "overhead_64_ms_p99": _added_to_streams(rounds, name, 99),
        "added_inter_token_ms_p99": _added_to_gaps(rounds, name, 99),
        "rps_64": _per_s(rounds, name),
        "cpu_ms_per_call": _cpu_ms(rounds, name),
        "rps_per_core_vs_floor": round(_cpu_ms(rounds, FLOOR) / _cpu_ms(rounds, name), 4),
        "ratio_vs_litellm_p50": None,
        "rps_ratio_vs_litellm": None,
    }
    if LITELLM in sequential:
        figures["ratio_vs_litellm_p50"] = round(added_ms / _added(sequential, LITELLM, 50), 4)
        figures["rps_ratio_vs_litellm"] = round(_per_s(rounds, name) / _per_s(rounds, LITELLM), 3)
    return figures


_KEYS: Final = (
    "overhead_ms_p50",
    "overhead_ms_p99",
    "overhead_over_floor_ms_p50",
    "overhead_64_ms_p50",
    "overhead_64_ms_p99",
    "added_inter_token_ms_p99",
    "rps_64",
    "cpu_ms_per_call",
    "rps_per_core_vs_floor",
    "ratio_vs_litellm_p50",
    "rps_ratio_vs_litellm",
)


def _worse(fronts: dict[str, Figures]) -> Figures:
    """Return the headline figures: of each, the worse front's."""
    headline: Figures = {}
    for key in _KEYS:
        found = [value for front in fronts.values() if (value := front[key]) is not None]
        worse: Callable[[Sequence[float]], float] = min if key in _HIGHER_IS_BETTER else max
        headline[key] = worse(found) if found else None
    return headline


def _baselines(rounds: Rounds) -> dict[str, object]:
    sequential = rounds.sequential_ms
    has_peer = LITELLM in sequential
    return {
        "direct_ms_p50": round(_percentile(_pooled(sequential[DIRECT]), 50), 4),
        "generator_rps": _per_s(rounds, DIRECT),
        "generator_share_of_a_core": {
            name: round(max(flood.generator_share for flood in floods), 3)
            for name, floods in rounds.floods.items()
            if name != FLOOR
        },
        "sdk_floor_ms": _added(sequential, FLOOR, 50),
        "sdk_floor_cpu_ms": _cpu_ms(rounds, FLOOR),
        "sdk_floor_rps": _per_s(rounds, FLOOR),
        "sdk_floor_added_inter_token_ms_p99": _added_to_gaps(rounds, FLOOR, 99),
        "litellm_overhead_ms_p50": _added(sequential, LITELLM, 50) if has_peer else None,
        "litellm_overhead_64_ms_p50": (
            _added_to_streams(rounds, LITELLM, 50) if has_peer else None
        ),
        "litellm_added_inter_token_ms_p99": (
            _added_to_gaps(rounds, LITELLM, 99) if has_peer else None
        ),
        "litellm_rps_64": _per_s(rounds, LITELLM) if has_peer else None,
        "litellm_cpu_ms_per_call": _cpu_ms(rounds, LITELLM) if has_peer else None,
        "unanswered_calls": rounds.failed,
    }


def _whole(rounds: Rounds) -> dict[str, object]:
    """Return what answers that do not stream cost, over HTTP."""
    whole = rounds.whole_ms
    if not whole:
        return {}
    added_ms, floor_ms = _added(whole, HTTP, 50), _added(whole, FLOOR, 50)
    return {
        "http_whole_overhead_ms_p50": added_ms,
        "http_whole_overhead_over_floor_ms_p50": round(added_ms - floor_ms, 4),
        "sdk_floor_whole_ms": floor_ms,
        "http_whole_ratio_vs_litellm_p50": (
            round(added_ms / _added(whole, LITELLM, 50), 4) if LITELLM in whole else None
        ),
    }


def _added(times: dict[str, list[list[float]]], name: str, percent: int) -> float:
    """Return the difference of one percentile between a kind and the direct call."""
    over = _percentile(_pooled(times[name]), percent)
    return round(over - _percentile(_pooled(times[DIRECT]), percent), 4)


def _added_to_streams(rounds: Rounds, name: str, percent: int) -> float:
    times = {one: [load.took_ms for load in rounds.streams[one]] for one in (name, DIRECT)}
    return _added(times, name, percent)


def _added_to_gaps(rounds: Rounds, name: str, percent: int) -> float:
    """Return how much longer the gap between two items of a paced stream is."""
    gaps = {
        one: [
            [gap for call in load.answered for gap in call.gaps_ms] for load in rounds.streams[one]
        ]
        for one in (name, DIRECT)
    }
    return _added(gaps, name, percent)


def _per_s(rounds: Rounds, name: str) -> float:
    return round(statistics.median(flood.per_s for flood in rounds.floods[name]), 2)


def _cpu_ms(rounds: Rounds, name: str) -> float:
    return round(statistics.median(flood.cpu_ms for flood in rounds.floods[name]), 4)


def _pooled(rounds: Sequence[Sequence[float]]) -> list[float]:
    return [value for one in rounds for value in one]


def _percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
