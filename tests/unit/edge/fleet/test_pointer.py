"""The pointer names the old or the new state, whatever happens in between."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from edge.fleet.pointer import AS_INSTALLED, Generation, Pointer, PointerFile
from runtime.errors import StateInvalid
from runtime.fleet.report import Outcome

FIRST = Generation(2, "a" * 64, "clinics", 1)
SECOND = Generation(4, "b" * 64, "clinics", 2)


def kept(generation: Generation, pointer: Pointer | None = None) -> Pointer:
    return (pointer or Pointer()).take(generation.order).try_out(generation).keep()


def test_a_state_on_trial_is_not_trusted_and_one_that_fails_leaves_only_its_number() -> None:
    trial = kept(FIRST).take(4).try_out(SECOND)

    assert (trial.good, trial.current) == (FIRST, SECOND)
    failed = trial.fail("EngineCrashed")
    assert (failed.current, failed.good, failed.taken) == (FIRST, FIRST, 4)
    assert (failed.outcome, failed.failure) == (Outcome.FAILED, "EngineCrashed")


def test_a_refused_order_changes_nothing_that_runs() -> None:
    refused = kept(FIRST).take(4).refuse("StateInvalid")

    assert (refused.current, refused.is_trial, refused.taken) == (FIRST, False, 4)


def test_by_hand_it_goes_back_once() -> None:
    back = kept(SECOND, kept(FIRST)).go_back()

    assert back.current == FIRST
    with pytest.raises(StateInvalid, match="no state before this one"):
        back.go_back()


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    file = PointerFile(tmp_path)
    pointer = replace(kept(SECOND, kept(FIRST)), quality=0.5)

    assert file.load() == Pointer(current=AS_INSTALLED)
    file.save(pointer)
    assert file.load() == pointer


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"current": 3}', b"\xff"])
def test_a_damaged_pointer_is_said_and_never_guessed_at(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pointer.json").write_bytes(content)

    with pytest.raises(StateInvalid, match="cannot be read; remove it"):
        PointerFile(tmp_path).load()


def test_what_a_power_cut_leaves_is_whole_for_the_file_is_on_the_disk_before_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, str]] = []
    fsync, replace_ = os.fsync, os.replace

    def syncing(descriptor: int) -> None:
        done.append(("sync", Path(f"/proc/self/fd/{descriptor}").readlink().name))
        fsync(descriptor)

    def renaming(source: Path, target: Path) -> None:
        done.append(("rename", source.name))
        replace_(source, target)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(os, "replace", renaming)
    PointerFile(tmp_path).save(kept(FIRST))

    temporary = done[0][1]
    assert temporary.startswith(".pointer.json.")
    assert done == [("sync", temporary), ("rename", temporary), ("sync", tmp_path.name)]
