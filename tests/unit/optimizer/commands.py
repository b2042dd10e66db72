"""Call ``leeward optimizer`` in this process, for the tests of its commands."""

import json
from typing import Any

from typer.testing import CliRunner, Result

from optimizer.cli import app

RUNNER = CliRunner()


def call(*arguments: str, exit_code: int = 0) -> Result:
    """Call a command and check its exit code."""
    result = RUNNER.invoke(app, list(arguments))
    assert result.exit_code == exit_code, result.output
    return result


def as_json(*arguments: str, exit_code: int = 0) -> dict[str, Any]:
    """Call a command with ``--json`` and read what it prints."""
    found: dict[str, Any] = json.loads(call(*arguments, "--json", exit_code=exit_code).stdout)
    return found
