"""The launcher keeps a release that proves itself, and comes back from every other."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.software.pointer import SoftwarePointer, SoftwarePointerFile, python_of

GOOD, OTHER = "a" * 64, "b" * 64
TRIAL = SoftwarePointer(GOOD, "1").try_out(OTHER, "2", order=4, within_s=60.0)
DAEMON = Path(__file__).with_name("launched_daemon.py")
WAIT_S = 60.0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for release in (GOOD, OTHER):
        python = python_of(tmp_path / "software", release)
        python.parent.mkdir(parents=True)
        python.symlink_to(sys.executable)
    return tmp_path


def prepare(root: Path, pointer: SoftwarePointer, **settings: Any) -> SoftwarePointerFile:
    """Say where the device stands, and what its releases do."""
    (root / "behaviours.json").write_text(json.dumps(settings))
    for name in ("started", "serving"):
        (root / name).unlink(missing_ok=True)
    file = SoftwarePointerFile(root / "software")
    file.save(pointer)
    return file


@contextmanager
def launched(
    root: Path, *, point: int = 0, environ: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, str(DAEMON), "launch", str(root), str(point)]
    process = subprocess.Popen(command, env=os.environ | (environ or {}))
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(WAIT_S)


def lines(root: Path, name: str) -> list[str]:
    file = root / name
    return file.read_text().split() if file.exists() else []


def wait_serving(root: Path, release: str) -> None:
    until = time.monotonic() + WAIT_S
    while release not in lines(root, "serving"):
        assert time.monotonic() < until, lines(root, "started")
        time.sleep(0.02)


def test_a_release_that_says_so_is_kept(root: Path) -> None:
    file = prepare(root, TRIAL, does={OTHER: "keep"})

    with launched(root) as launcher:
        wait_serving(root, OTHER)
        launcher.terminate()
        assert launcher.wait(WAIT_S) == 0

    pointer = file.load()
    assert (pointer.current, pointer.is_trial, pointer.failure) == (OTHER, False, "")


@pytest.mark.parametrize(
    ("behaviour", "settings", "failure", "starts"),
    [
        ("crash", {}, "SoftwareCrashed", 2),
        ("hang", {"ready_s": 1.5}, "SoftwareNotReady", 1),
        ("silent", {"silence_s": 0.6}, "SoftwareSilent", 1),
        ("serve", {"within_s": 0.6}, "SoftwareUnproven", 1),
    ],
)
def test_a_release_that_does_not_work_is_left_for_the_one_before(
    root: Path, behaviour: str, settings: dict[str, Any], failure: str, starts: int
) -> None:
    within_s = settings.pop("within_s", 60.0)
    pointer = replace(TRIAL, within_s=within_s)
    file = prepare(root, pointer, does={OTHER: behaviour, GOOD: "serve"}, **settings)

    with launched(root):
        wait_serving(root, GOOD)

    found = file.load()
    assert lines(root, "started") == [OTHER] * starts + [GOOD]
    assert (found.current, found.version, found.is_trial) == (GOOD, "1", False)
    assert (found.failed, found.failed_version, found.failed_order) == (OTHER, "2", 4)
    assert found.failure == failure
    assert found.failed_at


def test_a_release_that_is_gone_leads_to_what_was_installed(root: Path) -> None:
    for release in (GOOD, OTHER):
        python_of(root / "software", release).unlink()
    file = prepare(root, TRIAL, does={"": "serve"})

    with launched(root):
        wait_serving(root, "installed")

    assert (file.load().current, file.load().failure) == ("", "SoftwareMissing")


def test_a_daemon_that_ends_for_another_release_is_followed_by_it(root: Path) -> None:
    prepare(root, SoftwarePointer(), does={"": "switch", OTHER: "keep"})

    with launched(root):
        wait_serving(root, OTHER)

    assert lines(root, "started") == ["installed", OTHER]


def test_outside_of_a_trial_the_launcher_ends_as_its_daemon_does(root: Path) -> None:
    prepare(root, SoftwarePointer(GOOD, "1"), does={GOOD: "crash"})

    with launched(root) as launcher:
        assert launcher.wait(WAIT_S) == 3

    assert lines(root, "started") == [GOOD]


def test_a_launcher_that_is_killed_while_it_goes_back_goes_back_all_the_same(root: Path) -> None:
    point = 0
    while True:
        point += 1
        file = prepare(root, replace(TRIAL, starts=2), does={OTHER: "crash", GOOD: "serve"})
        with launched(root, point=point) as launcher:
            until = time.monotonic() + WAIT_S
            while launcher.poll() is None and not lines(root, "serving"):
                assert time.monotonic() < until
                time.sleep(0.02)
        if launcher.returncode != -signal.SIGKILL:
            break
        left = file.load()
        assert left.current in (GOOD, OTHER)
        assert left.is_trial == (left.current == OTHER)
        with launched(root):
            wait_serving(root, GOOD)
        assert file.load().failure == "SoftwareCrashed"
    assert point > 4


def test_a_damaged_pointer_leaves_a_daemon_running(root: Path) -> None:
    prepare(root, TRIAL, does={"": "serve"})
    (root / "software" / "pointer.json").write_bytes(b'{"current": 3}')

    with launched(root):
        wait_serving(root, "installed")


def test_the_manager_above_hears_the_daemon(root: Path) -> None:
    prepare(root, SoftwarePointer(), does={"": "serve"})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as above:
        above.bind(str(root / "above"))
        above.settimeout(WAIT_S)
        with launched(root, environ={"NOTIFY_SOCKET": str(root / "above")}):
            assert above.recv(100) == b"READY=1"
            assert above.recv(100) == b"WATCHDOG=1"


def test_the_manager_above_does_not_take_an_exchange_for_the_service_s_end(root: Path) -> None:
    """systemd answers ``STOPPING=1`` by killing the whole unit after its time to stop."""
    prepare(root, SoftwarePointer(GOOD, "1"), does={GOOD: "switch", OTHER: "keep"})
    told: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as above:
        above.bind(str(root / "above"))
        above.settimeout(WAIT_S)
        with launched(root, environ={"NOTIFY_SOCKET": str(root / "above")}):
            while told.count(b"READY=1") < 2:
                told.append(above.recv(100))
            wait_serving(root, OTHER)

    assert set(told) <= {b"READY=1", b"WATCHDOG=1"}


def test_the_launcher_needs_nothing_that_a_release_could_break() -> None:
    tree = Path(__file__).parents[4]
    code = f"import sys; sys.path.insert(0, {str(tree)!r}); import edge.software.main"
    # Without `site` there is nothing but the standard library and this tree.
    ended = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
