"""What doctors show: every check in a table, and a verdict under it."""

from collections.abc import Sequence
from dataclasses import asdict

import typer

from runtime.cli.exit_codes import FINDINGS
from runtime.cli.machine import Check
from runtime.cli.output import make_table, show

__all__ = ["show_checks"]


def show_checks(checks: Sequence[Check], *, as_json: bool) -> None:
    """Print what was found; exit with 3 when something is missing."""
    missing = [check for check in checks if check.status == "missing"]
    data = {"ready": not missing, "checks": [asdict(check) for check in checks]}
    rows = [(check.status, check.name, check.detail, check.advice) for check in checks]
    verdict = f"missing: {', '.join(check.name for check in missing)}" if missing else "ready"
    show(data, make_table(("", "what", "found", "to do"), rows), f"\n{verdict}", as_json=as_json)
    if missing:
        raise typer.Exit(FINDINGS)
