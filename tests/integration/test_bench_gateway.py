"""The gateway's benchmark runs to its end and says what it promises to say."""

from dataclasses import replace

import pytest

from bench import gateway
from tests.integration.benches import small_figures

SMALL = replace(gateway.QUICK, rounds=1, calls=10, load_rounds=1, streams_s=0.3, flood_s=0.3)

PROMISED = {
    "overhead_ms_p50",
    "overhead_ms_p99",
    "overhead_64_ms_p50",
    "overhead_64_ms_p99",
    "sdk_floor_ms",
    "sdk_floor_rps",
    "overhead_over_floor_ms_p50",
    "rps_per_core_vs_floor",
    "ratio_vs_litellm_p50",
    "rps_ratio_vs_litellm",
    "added_inter_token_ms_p99",
    "failed_requests",
    "lost_reservations",
    "overspend_usd",
    "spread",
    "machine",
}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_run_ends_with_one_json_object_that_has_every_promised_figure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = small_figures(gateway, SMALL, monkeypatch, capsys)

    assert figures.keys() >= PROMISED
    assert figures["unanswered_calls"] == 0
    assert figures["upstream_cancelled"] == 0
    assert figures["failed_requests"] == 0
    assert figures["failure_answered"] > 0
    assert figures["overspend_usd"] == 0
    assert figures["cap_refused"] == figures["cap_callers"]
    assert figures["cap_charged_usd"] > 0.9 * figures["cap_usd"]
    assert figures["lost_reservations"] == 0
    assert figures["killed_recovered"] > 0
    assert figures["sdk_floor_ms"] > 0
    assert figures["overhead_ms_p50"] > 0
