"""A small table of real calls: killed on the way, gone on with, and told the same live."""

import re
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bench import reference_world
from optimizer.replay.graph_table import GraphTable
from optimizer.replay.table_file import read_table
from tests.integration.benches import small_figures

ROOT = Path(__file__).parents[2]
FAMILIES = "single,chain-2,parallel-2,parallel-3,parallel-2-refined,skip-edge"
"""Six graphs over one model."""
KILLED_AFTER_CALLS = 64
LIMIT_S = 240.0
LIVE = replace(reference_world.QUICK, pairs=50, singles=4)


def command(work: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "reference.tabulated", "build", "--models", "tern-s"),
        *("--families", FAMILIES, "--questions", "32", "--checked", "100"),
        *("--work", str(work / "cache"), "--out", str(work / "table.bin")),
    ]


def kept_calls(cache: Path) -> int:
    if not cache.is_file():
        return 0
    try:
        connection = sqlite3.connect(f"file:{cache}?mode=ro", uri=True)
        try:
            (count,) = connection.execute("SELECT count(*) FROM calls").fetchone()
        finally:
            connection.close()
    except sqlite3.OperationalError:  # the table is not there yet
        return 0
    return int(count)


def kill_on_the_way(work: Path) -> int:
    """Start a build, kill it once some calls are kept, and return how many are."""
    cache = work / "cache" / "calls.sqlite"
    process = subprocess.Popen(
        command(work), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        ends_at_s = time.monotonic() + LIMIT_S
        while kept_calls(cache) < KILLED_AFTER_CALLS:
            assert process.poll() is None, "the build ended before it could be killed"
            assert time.monotonic() < ends_at_s, "the build made no calls"
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()
    return kept_calls(cache)


def build(work: Path) -> tuple[int, int]:
    """Build to the end; return all calls and the fresh ones."""
    ran = subprocess.run(
        command(work), cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert ran.returncode == 0, ran.stderr
    told = re.search(r"([\d,]+) calls \(([\d,]+) of", " ".join(ran.stdout.split()))
    assert told is not None, ran.stdout
    calls, fresh = (int(number.replace(",", "")) for number in told.groups())
    return calls, fresh


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_killed_build_goes_on_and_its_table_is_what_happens_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = kill_on_the_way(tmp_path)
    assert not (tmp_path / "table.bin").exists()

    calls, fresh = build(tmp_path)
    whole = (tmp_path / "table.bin").read_bytes()
    again = build(tmp_path)

    assert kept >= KILLED_AFTER_CALLS
    assert fresh == calls - kept
    assert again == (calls, 0)
    assert (tmp_path / "table.bin").read_bytes() == whole

    table = GraphTable(read_table(tmp_path / "table.bin"))
    assert (len(table.graphs), len(table.questions)) == (6, 32)
    assert table.call_count == calls
    assert table.header["checked"]["same_account"] == table.header["checked"]["compared"] == 100

    figures = small_figures(
        reference_world, LIVE, monkeypatch, capsys, "--table", str(tmp_path / "table.bin")
    )
    assert figures["table_graphs"] == 6
    assert figures["fingerprint_equal"]
    assert figures["live_vs_table_agreement"] == 1.0
    assert figures["live_same_account"] == figures["live_runs"] > 0
    assert figures["accuracy"].keys() == {"tern-s"}
