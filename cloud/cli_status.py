"""``leeward cloud status``: for people, and for the health checks of containers.

Parses, calls, prints; mounted by ``cloud.cli``.
"""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cloud.config import load_config
from cloud.status import read_status
from runtime.cli.output import JsonOption, run_command, show
from runtime.clock import SystemClock

__all__ = ["status"]


def status(
    config: Annotated[
        Path, typer.Option("--config", "-c", help="Configuration (cloud/v1).")
    ] = Path("cloud.yaml"),
    *,
    as_json: JsonOption = False,
) -> None:
    """Ask the running gateway whether it serves."""

    def work() -> None:
        found = asyncio.run(read_status(load_config(config), clock=SystemClock()))
        line = f"{found.node} serves devices at {found.devices}, enrolment at {found.enrolment}"
        show(asdict(found), line, as_json=as_json)

    run_command(work, as_json=as_json)
