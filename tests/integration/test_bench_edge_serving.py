"""The edge-serving benchmark runs end to end on a model small enough for a test."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.edge_serving import main, measure
from bench.edge_serving_rounds import QUICK
from bench.edge_serving_widths import most_speedup
from bench.random_gguf import SHAPE_135M

TINY = replace(SHAPE_135M, layers=2, width=64, heads=4, kv_heads=2, ffn_width=128, vocabulary=1024)
SMALL = replace(QUICK, rounds=1, tokens=12, arrivals=1, questions=3)

pytestmark = pytest.mark.timeout(180)


async def test_every_figure_is_measured() -> None:
    figures: dict[str, Any] = await measure(SMALL, shape=TINY)

    rates = figures["tokens_per_s"]
    assert set(rates) == {
        "raw_loop_1", "leeward_1", "packaged_server_8", "batched_loop_8", "leeward_8",
        "packaged_server_16", "batched_loop_16", "leeward_16",
    }  # fmt: skip
    assert all(rate > 0 for rate in rates.values())
    expected = round(rates["leeward_8"] / rates["batched_loop_8"], 2)
    assert figures["ratio_vs_batched_loop_8"] == pytest.approx(expected, abs=0.02)
    spent = figures["cpu_ms_per_token"]
    assert spent["leeward_8"].keys() == {"model", "daemon", "client"}
    assert all(ms > 0 for each in spent.values() for ms in each.values())
    assert figures["client_ms_per_token_1"] == spent["leeward_1"]["client"]
    assert figures["reachable_ratio_1"] == 1.0, "one thread of more cores"
    assert figures["prefix_cached_tokens"] >= 1000
    assert figures["ttft_ms_p50"] > 0
    assert 0 <= figures["identical_text_share"] <= 1
    assert figures["speculative_speedup_1"] > 0
    assert 0 < figures["speculative_acceptance"] <= 1
    best, perfect = (figures[f"speculative_bound_1{end}"] for end in ("", "_if_always_right"))
    assert 1 <= best <= perfect < 9
    assert len(figures["decode_ms_by_tokens"]) == 9


def test_a_kept_run_is_shown_as_a_table_of_what_it_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "run.out"
    kept.write_text('round 1\n{"ttft_ms_p50": 9600.5, "ttft_ms_p99": 11500, "machine": {}}\n')

    assert main(["--table", str(kept)]) == 0

    assert capsys.readouterr().out.splitlines()[2:] == [
        "| first token of that ninth, p50 and p99, ms | 9,600.5 and 11,500 |  |"
    ]


def test_the_bound_of_guessing_is_that_of_the_best_length() -> None:
    free = [1.0, 1.0, 1.0]
    assert most_speedup(free, 0.0, 1.0) == 3.0
    assert most_speedup(free, 0.0, 0.5) == 1.75
    assert most_speedup([1.0, 1.5, 9.0], 0.1, 1.0) == 1.25
    assert most_speedup([1.0, 2.5, 4.0], 0.0, 1.0) == 1.0


async def test_a_soak_loses_nothing() -> None:
    figures: dict[str, Any] = await measure(SMALL, soak_s=6.0, shape=TINY)

    assert figures["soak_calls"] > 20
    assert figures["soak_unexpected"] == {}
    assert figures["soak_crashes"] == figures["soak_leaked_calls"] == 0
    assert figures["soak_leaked_slots"] == 0
    assert figures["soak_ends"]["disconnected: disconnected"] > 0
    assert figures["soak_daemon_resident_mb"] > 10
