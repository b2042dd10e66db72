"""Promise 4 under faults: kill -9 at any moment, a full disk. Real processes, real limits."""

import os
import random
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.clock import SystemClock
from runtime.ledger.read import read_entries
from runtime.ledger.record import ContentPassage
from runtime.ledger.verify import verify_ledger
from runtime.ledger.writer import LedgerWriter

ROUNDS = 12

WRITER = """
import asyncio, os, sys
from pathlib import Path

from runtime.clock import SystemClock
from runtime.errors import LedgerUnavailable
from runtime.ids import ModelName, NodeName, PlanId, RequestId, SessionId, StepId
from runtime.labels import Label
from runtime.ledger.record import ContentPassage, Destination
from runtime.ledger.writer import LedgerWriter

def passage(request):
    return ContentPassage(
        destination=Destination(NodeName("cloud"), "127.0.0.1:1"), model=ModelName("m"),
        request_id=RequestId(request), session_id=SessionId("s"), plan_id=PlanId("p"),
        step_id=StepId("far"), graph="g", label_before=Label(), label=Label(), releases=(),
        payload_digest=bytes(32), payload_bytes=1, policy_hash="0",
    )

async def one(writer, lane):
    number = 0
    while True:
        request = f"{os.getpid()}-{lane}-{number}"
        try:
            await writer.append(passage(request))
        except LedgerUnavailable:
            os.write(1, b"refused\\n")
            return
        os.write(1, request.encode() + b"\\n")
        number += 1

async def main():
    writer = LedgerWriter.open(Path(sys.argv[1]), clock=SystemClock(), segment_bytes=20_000)
    await asyncio.gather(*(one(writer, lane) for lane in range(5)))
    await writer.close()

asyncio.run(main())
"""


def _start(directory: Path, **options: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
        [sys.executable, "-c", WRITER, str(directory)], stdout=subprocess.PIPE, **options
    )


def _recorded_requests(directory: Path) -> set[str]:
    records = [entry.record for entry in read_entries(directory)]
    return {record.request_id for record in records if isinstance(record, ContentPassage)}


@pytest.mark.slow
async def test_every_acknowledged_append_survives_kill_9_at_any_moment(tmp_path: Path) -> None:
    directory = tmp_path / "ledger"
    moments = random.Random(20261124)
    acknowledged: set[str] = set()

    for _ in range(ROUNDS):
        process = _start(directory)
        assert process.stdout is not None
        wanted = moments.randrange(1, 120)
        for _line in range(wanted):
            acknowledged.add(process.stdout.readline().decode().strip())
        os.kill(process.pid, signal.SIGKILL)
        # A line cut by the kill was still written after its append returned.
        rest = process.stdout.read().decode().split("\n")[:-1]
        acknowledged.update(rest)
        process.stdout.close()
        process.wait()

        assert verify_ledger(directory).is_intact
        assert acknowledged <= _recorded_requests(directory)

    async with LedgerWriter.open(directory, clock=SystemClock()):
        pass
    report = verify_ledger(directory, every_signature=True)
    assert report.is_intact
    assert report.torn_tail is None
    assert len(acknowledged) > ROUNDS


async def test_a_full_disk_refuses_and_leaves_a_true_ledger(tmp_path: Path) -> None:
    directory = tmp_path / "ledger"

    def limit_files_to_10_kb() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    process = _start(directory, preexec_fn=limit_files_to_10_kb)
    output, _ = process.communicate(timeout=60)

    lines = output.decode().split()
    assert process.returncode == 0
    assert lines.count("refused") == 5
    acknowledged = {line for line in lines if line != "refused"}
    assert acknowledged <= _recorded_requests(directory)
    async with LedgerWriter.open(directory, clock=SystemClock()):
        pass
    assert verify_ledger(directory).is_intact


def test_a_disk_without_room_for_the_first_byte_is_refused_at_the_start(tmp_path: Path) -> None:
    directory = tmp_path / "ledger"
    attempt = (
        "import sys\n"
        "try:\n    LedgerWriter.open(Path(sys.argv[1]), clock=SystemClock())\n"
        "except LedgerUnavailable:\n    sys.exit(7)\n"
    )

    def allow_no_bytes() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    done = subprocess.run(
        [sys.executable, "-c", WRITER.replace("asyncio.run(main())", attempt), str(directory)],
        preexec_fn=allow_no_bytes,
        check=False,
    )

    assert done.returncode == 7
    assert not list(directory.glob("*.jsonl"))
