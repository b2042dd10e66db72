"""``leeward cloud upstreams``: asks each provider, and shows what the gateway has seen of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from cloud.cli_state import DEFAULT_CONFIG, ConfigOption
from cloud.config import load_config
from cloud.environment import upstream_specs
from runtime.cli.exit_codes import FINDINGS
from runtime.cli.output import JsonOption, make_table, run_command, show
from runtime.clock import SystemClock

if TYPE_CHECKING:
    from cloud.upstream_status import UpstreamStatus

__all__ = ["upstreams"]

_HEADINGS = ("upstream", "answers", "ms", "gateway says", "models", "address")


def upstreams(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Ask every provider whether it is there; exit code 3 when one is not."""

    def work() -> None:
        from cloud.upstream_status import read_upstreams

        loaded = load_config(config)
        found = asyncio.run(read_upstreams(loaded, upstream_specs(loaded), clock=SystemClock()))
        show([asdict(one) for one in found], make_table(_HEADINGS, _rows(found)), as_json=as_json)
        if not all(one.answers for one in found):
            raise typer.Exit(FINDINGS)

    run_command(work, as_json=as_json)


def _rows(found: "Sequence[UpstreamStatus]") -> list[tuple[str, ...]]:
    return [
        (
            one.name,
            "yes" if one.answers else f"no: {one.fault}",
            f"{one.latency_s * 1000:.0f}",
            one.gateway.replace("_", " "),
            ", ".join(one.models) or "-",
            one.base_url,
        )
        for one in found
    ]
