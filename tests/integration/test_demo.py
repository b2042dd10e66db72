"""``make demo``, as a new user runs it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_demo_ends_well_and_leaves_no_process_behind(tmp_path: Path) -> None:
    before = {process.pid for process in psutil.process_iter()}

    done = subprocess.run(
        [sys.executable, "-m", "reference.demo", "--keep", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
        env={**os.environ, "TERM": "dumb"},
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing left the edge" in done.stdout
    assert re.search(r"provider .*<PERSON_1>", done.stdout)
    assert re.search(r"ledger: intact, \d+ entries", done.stdout)
    assert not [
        process
        for process in psutil.process_iter(["cmdline"])
        if process.pid not in before and str(tmp_path) in " ".join(process.info["cmdline"] or [])
    ]
