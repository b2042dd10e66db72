"""What the gateway adds to a call, and what it keeps when things break.

``python -m bench.gateway --json [--quick] [--soak]`` times the same request on every way to one
instrumented upstream: straight, through the ``openai`` SDK alone (the floor), through our gateway's
fronts, and through LiteLLM's proxy where it is installed. Progress goes to standard error; the
last line of standard output is one JSON object. ``bench/README.md`` explains it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from bench.gateway_call import Numbers, report
from bench.gateway_faults import one_of_two_dies
from bench.gateway_figures import figures_of, spread_of
from bench.gateway_kinds import Kinds
from bench.gateway_money import Killed, callers_meet_a_cap, kill_in_the_middle
from bench.gateway_rounds import MODELS, Size, check_answers, measure_rounds
from bench.gateway_sdk_load import sdk_client
from bench.gateway_soak import SOAK_MODEL, Soak, soak
from bench.gateway_world import World
from bench.machine import describe_machine
from bench.shown import show_figures

__all__ = ["main", "measure", "measure_soak"]

_DISTRIBUTIONS: Final = ("grpcio", "leeward", "openai", "protobuf")
FULL: Final = Size(rounds=12, calls=80, load_rounds=4, streams_s=3.0, flood_s=3.0, with_whole=True)
QUICK: Final = Size(rounds=4, calls=20, load_rounds=2, streams_s=0.5, flood_s=0.8, with_whole=False)

# As long as it takes until the memories that are bounded are full.
FULL_SOAK: Final = Soak(duration_s=600.0, warm_up_s=240.0)
QUICK_SOAK: Final = Soak(duration_s=30.0, warm_up_s=5.0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.gateway", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object, last line")
    parser.add_argument("--quick", action="store_true", help="under 50 seconds, wider spread")
    parser.add_argument("--soak", action="store_true", help="a steady rate for long, nothing else")
    options = parser.parse_args(arguments)
    environment = dict(os.environ)  # noqa: TID251 - a program's root
    if options.soak:
        work = measure_soak(QUICK_SOAK if options.quick else FULL_SOAK, environment)
    else:
        work = measure(QUICK if options.quick else FULL, environment)
    figures = asyncio.run(work)
    show_figures(figures, as_json=options.json)
    return 0


async def measure(size: Size, environment: Mapping[str, str]) -> dict[str, object]:
    """Return all figures of the timed part, and of what must hold when things break."""
    numbers = Numbers()
    async with _world(environment) as world:
        upstream = await world.upstream()
        # LiteLLM takes long to start: what is not timed runs meanwhile.
        gateway, litellm, (kept, killed) = await asyncio.gather(
            world.gateway("gateway", [upstream], MODELS),
            world.litellm(upstream, MODELS),
            _broken(world, numbers),
        )
        if litellm is None:
            report("LiteLLM is not installed: its figures are null")
        async with sdk_client(upstream.port) as sdk:
            kinds = Kinds(upstream, sdk, gateway, litellm)
            await check_answers(kinds, numbers)
            rounds = await measure_rounds(kinds, size, numbers)
        counts = upstream.counts()
        kept |= await killed.found()
    circumstances: dict[str, object] = {
        "spread": spread_of(rounds),
        "kinds": list(kinds.names()),
        "upstream_calls": counts.calls,
        "upstream_cancelled": counts.cancelled,
        "litellm_version": litellm.version if litellm else None,
        "machine": describe_machine(_DISTRIBUTIONS),
    }
    return figures_of(rounds) | kept | circumstances


async def _broken(world: World, numbers: Numbers) -> tuple[dict[str, object], Killed]:
    """Break what can break; the gateway that was killed is asked later what it recovered."""
    report("kill -9 of a gateway under load")
    killed = await kill_in_the_middle(world, numbers)
    report("200 callers and one cap")
    kept = await callers_meet_a_cap(world, numbers)
    report("kill -9 of one of two upstreams under load")
    kept |= await one_of_two_dies(world, before_s=1.0, after_s=2.0, numbers=numbers)
    return kept, killed


async def measure_soak(length: Soak, environment: Mapping[str, str]) -> dict[str, object]:
    """Return the figures of a soak."""
    async with _world(environment) as world:
        upstream = await world.upstream()
        gateway = await world.gateway("gateway", [upstream], [SOAK_MODEL])
        async with sdk_client(upstream.port) as sdk:
            figures = await soak(Kinds(upstream, sdk, gateway, None), length, Numbers())
    return figures | {"machine": describe_machine(_DISTRIBUTIONS)}


@asynccontextmanager
async def _world(environment: Mapping[str, str]) -> AsyncIterator[World]:
    with tempfile.TemporaryDirectory(prefix="leeward-bench-") as root:
        world = World(Path(root), environment)
        try:
            yield world
        finally:
            await world.close()


if __name__ == "__main__":
    sys.exit(main())
