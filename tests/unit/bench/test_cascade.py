"""The cascade benchmark on the committed table."""

import json

import pytest

from bench import cascade


def test_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert cascade.main(["--json", "--no-live"]) == 0
    found = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert found["coverage"] >= found["stated_confidence"]
    assert found["coverage_share"] >= found["stated_confidence"]
    assert 0 < found["cost_at_equal_accuracy"] < 1
    assert found["calibration_error"] < found["calibration_error_raw"]
    last = found["by_threshold"][-1]
    assert last["asked"] == last["cost"] == 1
    assert last["accuracy"] == found["accuracy_always_cloud"]
