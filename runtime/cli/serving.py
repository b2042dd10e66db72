"""How a role serves: logs as JSON lines on stderr, and no core dump, which would hold prompts."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from runtime.cli.output import run_command
from runtime.core_dumps import forbid_core_dumps
from runtime.telemetry.logs import configure_logging

__all__ = ["ReadyFileOption", "run_role"]

ReadyFileOption = Annotated[
    Path | None, typer.Option(help="Write the addresses here once serving.")
]


def run_role(serving: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a role until it ends; the process ends as its failure says.

    Args:
        serving: Reads the configuration and returns what serves. Called once logs are set up.
    """

    def work() -> None:
        configure_logging(sys.stderr)
        forbid_core_dumps()
        asyncio.run(serving())

    run_command(work)
