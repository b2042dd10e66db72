"""What changing the software notes for the launcher, and what the next daemon makes of it."""

from pathlib import Path

import pytest

from edge.models.room import Room
from edge.software.launched import VARIABLE, Launched
from edge.software.pointer import SoftwarePointer, SoftwarePointerFile
from edge.software.releases import Releases
from edge.software.software import Software, SwitchedSoftware
from runtime.clock import SystemClock
from runtime.errors import SoftwareInvalid
from runtime.fleet.state import ReleaseShape

FIRST = ReleaseShape(version="1", source="1.zip", sha256="a" * 64)
SECOND = ReleaseShape(version="2", source="2.zip", sha256="b" * 64)


def software(root: Path, running: ReleaseShape | None) -> SwitchedSoftware:
    launched = Launched(running.sha256 if running else "", "packages")
    releases = Releases(root, launched, config=root / "edge.yaml")
    file = SoftwarePointerFile(root)
    return SwitchedSoftware(file, releases, launched, clock=SystemClock(), end=lambda: None)


async def _nothing(room: Room, release: ReleaseShape, target: Path) -> None:
    raise AssertionError(release)


def test_a_kept_release_is_no_longer_on_trial_and_only_by_itself(tmp_path: Path) -> None:
    software(tmp_path, None).try_out(FIRST, order=2, probation_s=30.0)

    software(tmp_path, SECOND).keep()
    assert SoftwarePointerFile(tmp_path).load().is_trial
    software(tmp_path, FIRST).keep()
    assert not SoftwarePointerFile(tmp_path).load().is_trial


def test_a_release_that_was_left_is_tried_again_only_by_a_new_order(tmp_path: Path) -> None:
    software(tmp_path, FIRST).try_out(SECOND, order=4, probation_s=30.0)
    file = SoftwarePointerFile(tmp_path)
    file.save(file.load().back("SoftwareCrashed", at="2026-11-29T18:00:00+00:00"))
    here = software(tmp_path, FIRST)

    assert here.is_hopeless(SECOND)
    assert (here.failure_of(4), here.failure_of(6), here.failure_of(0)) == (
        "SoftwareCrashed",
        "",
        "",
    )

    here.try_out(SECOND, order=6, probation_s=30.0)
    software(tmp_path, SECOND).keep()
    assert not here.is_hopeless(SECOND)
    assert file.load().failure == ""


def test_what_was_good_before_runs_next_without_a_trial(tmp_path: Path) -> None:
    software(tmp_path, FIRST).try_out(SECOND, order=4, probation_s=30.0)
    software(tmp_path, SECOND).leave_for(FIRST, failure="StateUnhealthy")

    pointer = SoftwarePointerFile(tmp_path).load()
    assert (pointer.current, pointer.version, pointer.is_trial) == (FIRST.sha256, "1", False)
    assert (pointer.failed, pointer.failure) == (SECOND.sha256, "StateUnhealthy")


async def test_a_daemon_without_a_launcher_refuses_releases(tmp_path: Path) -> None:
    fixed = Software()

    assert fixed.differs(FIRST)
    assert not fixed.differs(None)
    with pytest.raises(SoftwareInvalid, match="leeward-edge-launch"):
        await fixed.prepare(FIRST, _nothing)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"release": "a"}', "null"])
def test_a_variable_that_no_launcher_wrote_is_none(text: str) -> None:
    assert Launched.of({VARIABLE: text}) is None
    assert Launched.of({}) is None


def test_the_launcher_is_understood(tmp_path: Path) -> None:
    launched = Launched("a" * 64, "packages")

    assert Launched.of({VARIABLE: launched.text()}) == launched


def test_a_pointer_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = SoftwarePointerFile(tmp_path)
    pointer = SoftwarePointer("a" * 64, "1").try_out("b" * 64, "2", order=4, within_s=30.5)

    assert file.load() == SoftwarePointer()
    file.save(pointer)
    assert file.load() == pointer
