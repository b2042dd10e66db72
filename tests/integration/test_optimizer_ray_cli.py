"""`leeward optimizer run --engine ray` as people run it: a process, which may be killed."""

import gzip
import json
import random
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from typer.testing import CliRunner

from optimizer.cli import app
from runtime.rpc.address import is_local

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(find_spec("ray") is None, reason="the extra `ray` is not installed"),
]

SPACE = """\
leeward: space/v1
name: tiny
edge: [one, two]
cloud: [far]
thresholds: [0.5, 1.0]
caps: [0.2]
"""
LEEWARD = str(Path(sys.executable).with_name("leeward"))
LIMIT_S = 240.0


@pytest.fixture
def study(tmp_path: Path) -> Path:
    draw = random.Random(5)
    ids = [f"question-{number}" for number in range(200)]
    gold = [str(draw.randrange(4)) for _ in ids]
    answers = {
        model: [g if draw.random() < share else str(draw.randrange(4)) for g in gold]
        for model, share in (("one", 0.5), ("two", 0.6), ("far", 0.9))
    }
    matrix = {"question_ids": ids, "gold": gold, "answers": answers}
    (tmp_path / "matrix.json.gz").write_bytes(gzip.compress(json.dumps(matrix).encode()))
    (tmp_path / "space.yaml").write_text(SPACE)
    data = {
        "leeward": "study/v1",
        "name": "tiny",
        "evaluation": {"replay": {"matrix": "matrix.json.gz", "space": "space.yaml"}},
        "constraints": {"cloud_share": 0.3},
        "searcher": {"name": "evolution"},
        "trials": 12,
        "batch": 4,
        "seed": 3,
    }
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def is_true_in_time(condition: object) -> bool:
    assert callable(condition)
    end_s = time.monotonic() + LIMIT_S
    while time.monotonic() < end_s:
        if condition():
            return True
        time.sleep(0.1)
    return False


def family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def open_addresses(processes: list[psutil.Process]) -> set[str]:
    found = set()
    for process in processes:
        for one in process.net_connections("tcp"):
            if one.status == psutil.CONN_LISTEN:
                found.add(f"{one.laddr.ip.removeprefix('::ffff:')}:{one.laddr.port}")
    return found


def test_a_run_on_ray_listens_on_loopback_only_dies_with_its_driver_and_is_resumed(
    study: Path, tmp_path: Path
) -> None:
    local = CliRunner().invoke(app, ["run", str(study), "--dir", str(tmp_path / "local"), "--json"])
    expected = (tmp_path / "local" / "journal.jsonl").read_bytes()
    directory = tmp_path / "ray"
    journal = directory / "journal.jsonl"
    command = [LEEWARD, "optimizer", "run", str(study), "--engine", "ray", "--workers", "2"]
    command += ["--dir", str(directory), "--json"]

    with subprocess.Popen(command) as run:
        try:
            assert is_true_in_time(lambda: journal.exists() and journal.stat().st_size > 5000)
            processes = family(psutil.Process(run.pid))
            addresses = open_addresses(processes)
        finally:
            run.kill()
    assert addresses
    assert all(is_local(one) for one in addresses), addresses

    killed = journal.read_bytes()
    resumed = subprocess.run(command, capture_output=True, check=True, timeout=LIMIT_S)
    assert len(killed) < len(expected)
    assert journal.read_bytes() == expected
    assert without_time_and_place(resumed.stdout) == without_time_and_place(local.stdout)
    # Ray's agents of the killed run try for a minute to tell a head that is gone; we do not wait.
    assert is_true_in_time(lambda: not any(map(is_alive, processes)))


def without_time_and_place(printed: str | bytes) -> dict[str, Any]:
    data = json.loads(printed)
    del data["journal"], data["spent"]["seconds"]
    return dict(data)


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_cluster_that_is_not_there_is_told(study: Path) -> None:
    command = [LEEWARD, "optimizer", "run", str(study), "--engine", "ray", "--json"]

    found = subprocess.run(
        [*command, "--ray-address", "127.0.0.1:1"],
        capture_output=True,
        check=False,
        timeout=LIMIT_S,
    )

    assert found.returncode == 41
    error = json.loads(found.stdout)["error"]
    assert error["kind"] == "BackendUnavailable"
    assert error["message"].startswith("Ray at 127.0.0.1:1: ")
