"""The arithmetic of the gateway's benchmark."""

import pytest

from bench.gateway_call import Answered, Load
from bench.gateway_figures import figures_of, spread_of
from bench.gateway_rounds import Flood, Rounds


def _load(took_ms: float, gap_ms: float) -> Load:
    arrivals = (0.0, gap_ms / 1000, 2 * gap_ms / 1000)
    return Load([Answered(0.0, took_ms / 1000, arrivals)] * 3, [], 1.0)


@pytest.fixture
def rounds() -> Rounds:
    """HTTP adds 3 ms and carries 300 calls/s; gRPC adds 4 ms and carries 400."""
    took_ms = {"direct": 1.0, "floor": 3.0, "http": 4.0, "grpc": 5.0, "litellm": 21.0}
    per_s = {"direct": 9000.0, "floor": 500.0, "http": 300.0, "grpc": 400.0, "litellm": 80.0}
    cpu_ms = {"direct": 0.1, "floor": 2.0, "http": 2.5, "grpc": 4.0, "litellm": 10.0}
    return Rounds(
        sequential_ms={name: [[took] * 5, [took + 1] * 5] for name, took in took_ms.items()},
        streams={name: [_load(100 + took, 20 + took)] for name, took in took_ms.items()},
        floods={name: [Flood(per_s[name], cpu_ms[name], 0.1)] for name in took_ms},
    )


def test_each_front_is_held_against_each_baseline(rounds: Rounds) -> None:
    figures = figures_of(rounds)

    assert figures["http_overhead_ms_p50"] == pytest.approx(3.0)
    assert figures["grpc_overhead_ms_p50"] == pytest.approx(4.0)
    assert figures["sdk_floor_ms"] == pytest.approx(2.0)
    assert figures["http_overhead_over_floor_ms_p50"] == pytest.approx(1.0)
    assert figures["http_ratio_vs_litellm_p50"] == pytest.approx(3 / 20)
    assert figures["http_rps_ratio_vs_litellm"] == pytest.approx(300 / 80)
    assert figures["http_rps_per_core_vs_floor"] == pytest.approx(2.0 / 2.5)
    assert figures["http_added_inter_token_ms_p99"] == pytest.approx(3.0)
    assert figures["http_overhead_64_ms_p50"] == pytest.approx(3.0)


def test_a_headline_is_the_worse_front(rounds: Rounds) -> None:
    figures = figures_of(rounds)

    assert figures["overhead_over_floor_ms_p50"] == figures["grpc_overhead_over_floor_ms_p50"]
    assert figures["rps_per_core_vs_floor"] == figures["grpc_rps_per_core_vs_floor"]
    assert figures["rps_ratio_vs_litellm"] == figures["http_rps_ratio_vs_litellm"]


def test_without_the_peer_its_figures_are_null_and_the_others_stay(rounds: Rounds) -> None:
    for times in (rounds.sequential_ms, rounds.streams, rounds.floods):
        del times["litellm"]  # type: ignore[attr-defined]

    figures = figures_of(rounds)

    assert figures["ratio_vs_litellm_p50"] is None
    assert figures["rps_ratio_vs_litellm"] is None
    assert figures["litellm_rps_64"] is None
    assert figures["overhead_ms_p50"] == pytest.approx(4.0)


def test_the_spread_is_over_rounds(rounds: Rounds) -> None:
    rounds.sequential_ms["http"] = [[4.0] * 5, [9.0] * 5]

    spread = spread_of(rounds)

    assert spread["http"] == {"added_ms_p50": [3.0, 7.0], "rps_64": [300.0, 300.0]}
