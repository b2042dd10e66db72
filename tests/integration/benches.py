"""Runs a benchmark as its user does, on less than even its quick form measures."""

import json
from types import ModuleType
from typing import Any

import pytest


def small_figures(
    bench: ModuleType,
    size: object,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *arguments: str,
) -> dict[str, Any]:
    """Run ``python -m bench.NAME --json --quick`` with another size; return its last line's object.

    Every part runs; there is less of each, as figures of a test are nobody's.
    """
    monkeypatch.setattr(bench, "QUICK", size)
    capsys.readouterr()

    assert bench.main(["--json", "--quick", *arguments]) == 0

    figures: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return figures
