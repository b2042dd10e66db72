"""What the commands of ``leeward cloud`` that look into the gateway's store have in common."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer

from cloud.config import CloudConfig
from cloud.environment import opened_state
from cloud.state import GatewayState
from cloud.stores.audit import Act
from runtime.cli.account import account_name
from runtime.clock import SystemClock

__all__ = ["DEFAULT_CONFIG", "ConfigOption", "in_state", "operator"]

_Result = TypeVar("_Result")
ConfigOption = Annotated[Path, typer.Option("--config", "-c", help="Configuration (cloud/v1).")]
DEFAULT_CONFIG: Final = Path("cloud.yaml")


def in_state(config: CloudConfig, work: Callable[[GatewayState], Awaitable[_Result]]) -> _Result:
    """Open the gateway's state, do one thing in it, and close it."""

    async def run() -> _Result:
        async with opened_state(config, clock=SystemClock()) as state:
            return await work(state)

    return asyncio.run(run())


def operator() -> Act:
    """Return who runs this command, now, for the audit trail."""
    return Act(f"operator:{account_name()}", SystemClock().now())
