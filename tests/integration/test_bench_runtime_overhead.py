"""The benchmark of the runtime's own cost runs to its end and says what it promises to say."""

import pytest

from bench import runtime_overhead
from tests.integration.benches import small_figures

SMALL = runtime_overhead.Size(rounds=1, calls=20, fans=1)

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
def test_a_run_ends_with_one_json_object_that_has_every_promised_figure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = small_figures(runtime_overhead, SMALL, monkeypatch, capsys)

    assert figures.keys() >= PROMISED
    assert figures["bare_stream_ms_p50"] > 0
    assert figures["makespan_over_critical_path"] > 0
    assert figures["steps_counted"]["step"] > 0
    assert figures["machine"]["versions"]["grpcio"]
