"""The benchmark of the runtime's own cost runs to its end and says what it promises to say."""

import pytest

from tests.integration.benches import quick_figures

PROMISED = {
    "step_overhead_added_ms_p50",
    "step_overhead_added_ms_p99",
    "gated_step_added_ms_p50",
    "bare_fsync_ms_p50",
    "bare_stream_ms_p50",
    "makespan_over_critical_path",
    "spread",
    "steps_counted",
    "machine",
}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_quick_run_ends_with_one_json_object_that_has_every_promised_figure() -> None:
    figures = quick_figures("runtime_overhead")

    assert figures.keys() >= PROMISED
    assert figures["bare_stream_ms_p50"] > 0
    assert figures["makespan_over_critical_path"] > 0
    assert figures["steps_counted"]["step"] > 0
    assert figures["machine"]["versions"]["grpcio"]
