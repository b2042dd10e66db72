"""``leeward doctor``: what is missing on this machine, and what to do about it."""

from pathlib import Path
from typing import Annotated, Final

import typer

from runtime.cli.checks import show_checks
from runtime.cli.installation import check_installation
from runtime.cli.machine import check_machine
from runtime.cli.output import JsonOption, run_command
from runtime.clock import SystemClock

__all__ = ["DEFAULT_PORTS", "doctor"]

DEFAULT_PORTS: Final = (7450, 8450)
"""gRPC and HTTP of ``leeward up``."""
_SOURCE_ROOT: Final = Path(__file__).resolve().parents[2]


def doctor(
    *,
    state: Annotated[
        Path, typer.Option(help="Where keys, ledger and logs are, or will be.")
    ] = Path(".leeward"),
    port: Annotated[
        list[int] | None, typer.Option(min=1, max=65_535, help="A port to look at; repeatable.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Look at this machine and explain what is missing; exits with 3 when something is."""

    def work() -> None:
        ports = tuple(port) if port else DEFAULT_PORTS
        checks = [
            *check_machine(state, ports=ports, clock=SystemClock()),
            *check_installation(_SOURCE_ROOT),
        ]
        show_checks(checks, as_json=as_json)

    run_command(work, as_json=as_json)
