"""The gateway's benchmark runs to its end and says what it promises to say."""

import pytest

from tests.integration.benches import quick_figures

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
def test_a_quick_run_ends_with_one_json_object_that_has_every_promised_figure() -> None:
    figures = quick_figures("gateway")

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
