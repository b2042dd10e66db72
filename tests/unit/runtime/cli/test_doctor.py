"""The doctor: what it sees on this machine, and on broken ones."""

import json
import resource
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from runtime.cli.installation import check_installation, requirements_of
from runtime.cli.machine import Check, check_machine
from runtime.cli.main import app
from runtime.clock import SystemClock

runner = CliRunner()


class LateClock(SystemClock):
    """A machine whose battery died."""

    def now(self) -> datetime:
        return datetime(1970, 1, 1, tzinfo=UTC)


def by_name(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_this_machine_can_run_the_tests() -> None:
    result = runner.invoke(app, ["doctor", "--json", "--port", "1", "--state", "/tmp/x/y"])

    report = json.loads(result.stdout)
    assert result.exit_code == 0
    assert report["ready"]
    assert {"python", "clock", "sqlite", "runtime"} <= {c["name"] for c in report["checks"]}


def test_a_port_in_use_is_noticed(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        check = by_name(check_machine(tmp_path, ports=(port,), clock=SystemClock()))[f"port {port}"]

    assert (check.status, check.detail) == ("warning", "in use on loopback")


def test_a_clock_before_the_installation_is_wrong(tmp_path: Path) -> None:
    check = by_name(check_machine(tmp_path, ports=(), clock=LateClock()))["clock"]

    assert check.status == "missing"
    assert "certificates" in check.advice


def test_absent_compilers_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    check = by_name(check_machine(tmp_path, ports=(), clock=SystemClock()))["compiler"]

    assert (check.status, check.detail) == ("warning", "no C and no C++ compiler")


def test_few_open_files_are_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 1_048_576))

    check = by_name(check_machine(tmp_path, ports=(), clock=SystemClock()))["open files"]

    assert check.advice == "raise it: ulimit -n 4096"


def test_the_state_directory_need_not_exist(tmp_path: Path) -> None:
    checks = by_name(check_machine(tmp_path / "a" / "b", ports=(), clock=SystemClock()))

    assert checks["disk"].status == checks["fsync"].status == "ok"
    assert list(tmp_path.iterdir()) == []


def test_requirements_are_sorted_into_extras() -> None:
    needed = requirements_of("leeward")

    assert "grpcio" in needed[""]
    assert "llama-cpp-python" in needed["edge"]
    assert "openai" in needed["cloud"]


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    weights = tmp_path / "reference" / "weights"
    weights.mkdir(parents=True)
    (weights / "good.gguf").write_bytes(b"GGUF....")
    (weights / "bad.gguf").write_bytes(b"<html>")

    check = by_name(check_installation(tmp_path))["weights"]

    assert check.status == "warning"
    assert check.detail == "not GGUF files: bad.gguf"


def test_a_tree_without_weights_is_no_fault(tmp_path: Path) -> None:
    assert by_name(check_installation(tmp_path))["weights"].status == "ok"


def test_something_missing_has_its_exit_code() -> None:
    result = runner.invoke(app, ["doctor", "--state", "/proc/absent"])

    assert result.exit_code == 3
    assert "missing: " in result.output
