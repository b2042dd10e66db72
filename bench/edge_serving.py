"""Many callers on one small device: the edge's engine beside bare llama.cpp loops and its server.

``python -m bench.edge_serving --json [--quick] [--soak]`` writes a model of 135 M parameters with
random weights, serves it with our engine (gRPC, mutual TLS, streams), with llama-cpp-python's
packaged server and in bare loops, each in a process of its own, and lets them take turns. Progress
goes to standard error; the last line of standard output is one JSON object. ``bench/README.md``
explains it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.edge_serving_rounds import (
    FULL,
    QUICK,
    Size,
    guesses,
    identical_text,
    latency,
    prefix,
    rates,
)
from bench.edge_serving_soak import soak
from bench.edge_serving_table import table_of_file
from bench.edge_serving_world import opened_world
from bench.machine import describe_machine
from bench.random_gguf import SHAPE_135M, Shape
from bench.shown import show_figures

__all__ = ["main", "measure"]

_DISTRIBUTIONS: Final = ("grpcio", "leeward", "llama-cpp-python", "protobuf")
_PARTS: Final = {
    "rates": rates,
    "latency": latency,
    "prefix": prefix,
    "identical_text": identical_text,
    "guesses": guesses,
}
_SOAK_S: Final = 600.0
_QUICK_SOAK_S: Final = 40.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.edge_serving", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object, last line")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, wider spread")
    parser.add_argument("--soak", action="store_true", help="instead: load with every misfortune")
    parser.add_argument("--only", choices=_PARTS, default="", help="one part of it")
    parser.add_argument("--threads", type=int, default=0, help="of a decode; default: all cores")
    parser.add_argument("--table", type=Path, help="show the table of a run kept in this file")
    options = parser.parse_args(arguments)
    if options.table is not None:
        print(table_of_file(options.table))
        return 0
    figures = asyncio.run(
        measure(
            QUICK if options.quick else FULL,
            soak_s=(_QUICK_SOAK_S if options.quick else _SOAK_S) if options.soak else 0.0,
            only=options.only,
            threads=options.threads or len(os.sched_getaffinity(0)),
        )
    )
    show_figures(figures, as_json=options.json)
    return 0


async def measure(
    size: Size,
    *,
    soak_s: float = 0.0,
    only: str = "",
    threads: int = 1,
    shape: Shape = SHAPE_135M,
) -> dict[str, object]:
    """Return all figures, or those of the soak alone.

    Args:
        size: How much is measured.
        soak_s: Length of the soak; 0 measures speed instead.
        only: The one part to measure; empty for all.
        threads: Of a decode, on every side.
        shape: Of the model with random weights.
    """
    machine = describe_machine(_DISTRIBUTIONS) | {"threads": threads}
    with tempfile.TemporaryDirectory() as directory:
        async with opened_world(Path(directory), threads=threads, shape=shape) as world:
            if soak_s:
                return {**await soak(world, soak_s), "machine": machine}
            figures: dict[str, object] = {}
            for name, part in _PARTS.items():
                if only in ("", name):
                    found = await part(world, size)
                    print(f"{name}: {json.dumps(found)}", file=sys.stderr)
                    figures |= found
    return {**figures, "machine": machine}


if __name__ == "__main__":
    sys.exit(main())
