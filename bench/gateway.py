"""What the gateway adds to a call, and what it keeps when things break.

``python -m bench.gateway --json [--quick] [--soak]`` times the same request on every way to one
instrumented upstream: straight, through the ``openai`` SDK alone (the floor), through our gateway's
fronts, and through LiteLLM's proxy where it is installed. Progress goes to standard error; the
last line of standard output is one JSON object. ``bench/README.md`` explains it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bench.gateway_call import Numbers
from bench.gateway_figures import figures_of, spread_of
from bench.gateway_kinds import Kinds
from bench.gateway_rounds import MODELS, Size, check_answers, measure_rounds
from bench.gateway_sdk_load import sdk_client
from bench.gateway_world import World
from bench.machine import describe_machine

__all__ = ["main", "measure"]

_DISTRIBUTIONS: Final = ("grpcio", "leeward", "openai", "protobuf")
FULL: Final = Size(rounds=20, calls=100, load_rounds=5, streams_s=4.0, flood_s=4.0, with_whole=True)
QUICK: Final = Size(rounds=5, calls=20, load_rounds=2, streams_s=0.5, flood_s=0.8, with_whole=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.gateway", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object, last line")
    parser.add_argument("--quick", action="store_true", help="under 50 seconds, wider spread")
    options = parser.parse_args(arguments)
    environment = dict(os.environ)  # noqa: TID251 - a program's root
    figures = asyncio.run(measure(QUICK if options.quick else FULL, environment))
    if options.json:
        print(json.dumps(figures))
    else:
        print("\n".join(f"{name}: {value}" for name, value in figures.items()))
    return 0


async def measure(size: Size, environment: Mapping[str, str]) -> dict[str, object]:
    """Return all figures."""
    numbers = Numbers()
    with tempfile.TemporaryDirectory(prefix="leeward-bench-") as root:
        world = World(Path(root), environment)
        try:
            upstream = await world.upstream()
            gateway, litellm = await asyncio.gather(
                world.gateway("gateway", [upstream], MODELS), world.litellm(upstream, MODELS)
            )
            if litellm is None:
                print("LiteLLM is not installed: its figures are null", file=sys.stderr)
            async with sdk_client(upstream.port) as sdk:
                kinds = Kinds(upstream, sdk, gateway, litellm)
                await check_answers(kinds, numbers)
                rounds = await measure_rounds(kinds, size, numbers)
            counts = upstream.counts()
        finally:
            await world.close()
    return figures_of(rounds) | {
        "spread": spread_of(rounds),
        "kinds": list(kinds.names()),
        "upstream_calls": counts.calls,
        "upstream_cancelled": counts.cancelled,
        "litellm_version": litellm.version if litellm else None,
        "machine": describe_machine(_DISTRIBUTIONS),
    }


if __name__ == "__main__":
    sys.exit(main())
