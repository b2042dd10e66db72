"""Two pulls at the same time, each a process of its own: together they keep to the quota."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from edge.egress.pull import PullRequest
from edge.models.source import HubSource
from edge.models.store import ModelStore
from runtime.clock import SystemClock
from runtime.errors import CapacityExhausted
from tests.integration.pulling_device import Device

MODEL = Path(__file__).parents[2] / "reference" / "weights" / "tern-xs.gguf"

PULL = """
import sys
from pathlib import Path
from edge.egress.pull import Puller, PullRequest
from edge.models.source import FileSource
from edge.models.store import ModelStore
from runtime.clock import SystemClock
from runtime.errors import CapacityExhausted

state, model = map(Path, sys.argv[1:3])
name, quota_bytes = sys.argv[3], int(sys.argv[4])

def wait_for_the_other(here, total):
    print("fits", flush=True)
    sys.stdin.readline()

puller = Puller(
    ModelStore(state, clock=SystemClock(), quota_bytes=quota_bytes),
    record=lambda passages: None,
    progress=wait_for_the_other,
    sleep=lambda seconds: None,
)
try:
    puller.pull(PullRequest(FileSource(model), name))
    print("stored")
except CapacityExhausted as error:
    print(error)
"""


def test_two_pulls_that_fit_alone_do_not_pass_the_quota_together(tmp_path: Path) -> None:
    quota_bytes = MODEL.stat().st_size * 3 // 2
    with ExitStack() as stack:
        pulls = {name: stack.enter_context(_pulling(tmp_path, name, quota_bytes)) for name in "ab"}
        # Both were let in: neither has a name in the store while the other is asked about.
        assert [_line(pull) for pull in pulls.values()] == ["fits", "fits"]
        ends = {name: pull.communicate("go\n", timeout=60)[0] for name, pull in pulls.items()}

    stored = [name for name, end in ends.items() if end == "stored\n"]
    (refused,) = (end for name, end in ends.items() if name not in stored)
    assert [model.name for model in ModelStore(tmp_path, clock=SystemClock()).all()] == stored
    assert f"`leeward edge models remove {stored[0]}` removes the longest unused" in refused


def _pulling(state: Path, name: str, quota_bytes: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PULL, str(state), str(MODEL), name, str(quota_bytes)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_one_that_came_whole_and_found_no_room_is_not_read_a_second_time(
    tmp_path: Path, hub: Any
) -> None:
    hub.files["acme/birds/tern.gguf"] = data = MODEL.read_bytes()
    device = Device(tmp_path / "state")
    request = PullRequest(HubSource("acme/birds", "tern.gguf"), "tern", endpoint=hub.endpoint)

    def take_the_room(here: int, total: int) -> None:
        if here == total:
            (device.state / "models" / "other.gguf").write_bytes(data)

    with pytest.raises(CapacityExhausted, match="remove other"):
        device.pull(request, quota_bytes=len(data) * 3 // 2, on_progress=take_the_room)
    device.store().remove("other")
    stored = device.pull(request, quota_bytes=len(data) * 3 // 2)

    assert stored.file.read_bytes() == data
    assert len(hub.downloads()) == 1
