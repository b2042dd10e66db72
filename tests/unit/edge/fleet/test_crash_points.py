"""A device that is killed at any step of taking a state has one of the two, whole, and goes on."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
FIRST, SECOND, WITH_SOFTWARE = [1, 11], [2, 22], [3, 33]
"""Order, and a setting of its state: both are the same state's, or a mixture was found."""


def harmed(root: Path, *, stride: int) -> list[dict[str, Any]]:
    """Return what a start found after each point."""
    harness = Path(__file__).with_name("crash_points.py")
    ended = subprocess.run(
        [sys.executable, str(harness), str(root), str(stride)],
        capture_output=True,
        text=True,
        timeout=380,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Every second point: writing a file takes five steps, so each kind of step is among them."""
    return harmed(tmp_path_factory.mktemp("points"), stride=2)


def of(seen: list[dict[str, Any]], case: str) -> list[dict[str, Any]]:
    return [one for one in seen if one["case"] == case]


def test_a_start_finds_one_of_both_states_and_never_a_mixture(seen: list[dict[str, Any]]) -> None:
    assert all(one["good"] in (FIRST, SECOND, WITH_SOFTWARE) for one in seen)
    assert all(one["running"] in (FIRST, SECOND, WITH_SOFTWARE) for one in seen)


def test_once_the_new_state_was_seen_the_old_one_does_not_return(
    seen: list[dict[str, Any]],
) -> None:
    for part in ("running", "good"):
        orders = [one[part][0] for one in of(seen, "first")]

        assert orders == sorted(orders)
        assert set(orders) == {1, 2}  # both are found, so the points lie on both sides


def test_an_order_that_was_cut_short_is_carried_out_after_all(seen: list[dict[str, Any]]) -> None:
    taking = of(seen, "first")

    assert len(taking) > 15
    assert all(one["end"] == SECOND for one in taking)


def test_a_way_back_that_was_cut_short_is_gone_to_its_end(seen: list[dict[str, Any]]) -> None:
    back = of(seen, "trial")

    assert len(back) >= 3
    assert all(one["running"] == one["end"] == FIRST for one in back)


def test_the_software_that_runs_is_the_one_of_the_state_that_runs(
    seen: list[dict[str, Any]],
) -> None:
    changing = of(seen, "software")

    assert {one["running"][0] for one in changing} == {1, 3}  # the points lie on both sides
    for one in seen:
        assert bool(one["release"]) == (one["running"] == WITH_SOFTWARE)
    assert all(one["end"] == WITH_SOFTWARE and one["end_release"] for one in changing)


@pytest.mark.long
def test_at_every_single_step_it_is_so(tmp_path: Path) -> None:
    for one in harmed(tmp_path, stride=1):
        assert one["good"] in (FIRST, SECOND, WITH_SOFTWARE)
        assert bool(one["release"]) == (one["running"] == WITH_SOFTWARE)
        assert bool(one["end_release"]) == (one["end"] == WITH_SOFTWARE)
