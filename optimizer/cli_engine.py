"""The options that say who runs a study's executions, and the engine that they name."""

from __future__ import annotations

import json
import os
from enum import Enum
from typing import Annotated

import typer

from optimizer.engines.local import LocalEngine
from optimizer.engines.model import Engine
from optimizer.engines.ray_engine import RayEngine, has_ray
from runtime.cli.exit_codes import NOT_INSTALLED
from runtime.cli.output import diagnose
from runtime.errors import RequestInvalid

__all__ = ["EngineName", "EngineOption", "RayAddressOption", "engine_of"]


class EngineName(Enum):
    """Who runs the executions."""

    LOCAL = "local"
    RAY = "ray"


EngineOption = Annotated[
    EngineName, typer.Option(help="Who runs the executions: this process, or Ray workers.")
]
RayAddressOption = Annotated[
    str | None,
    typer.Option(
        "--ray-address",
        help="Ray cluster to join (host:port, ray://host:port, auto); default: a local Ray of"
        " the run's own.",
    ),
]


def engine_of(name: EngineName, ray_address: str | None, *, as_json: bool) -> Engine:
    """Return the engine that the options name.

    Raises:
        RequestInvalid: There is an address, and the engine is another.
        typer.Exit: Ray is not installed.
    """
    if name is EngineName.LOCAL:
        if ray_address is not None:
            raise RequestInvalid("--ray-address needs --engine ray")
        return LocalEngine()
    if not has_ray():
        reason = "--engine ray needs ray, which is not installed: pip install 'leeward[ray]'"
        _refuse(reason, as_json=as_json)
    return RayEngine(os.environ, ray_address or "")  # noqa: TID251 - the command line is a root


def _refuse(reason: str, *, as_json: bool) -> None:
    if as_json:
        fault = {
            "kind": "NotInstalled",
            "message": reason,
            "exit_code": NOT_INSTALLED,
            "retryable": False,
        }
        typer.echo(json.dumps({"error": fault}))
    else:
        diagnose(f"error: {reason}")
    raise typer.Exit(NOT_INSTALLED)
