"""Whether a fleet of edges stays up: rotation, recovery, partitions, rollback and scale.

``python -m bench.fleet --json [--quick] [--part NAME]`` runs its parts, each with real processes
and real TLS on loopback: one after the other, or with ``--quick`` side by side, since they wait
more than they work. A part is a module ``bench.fleet_NAME`` with ``measure``. Progress goes to
standard error; the last line of standard output is one JSON object; ``bench/README.md`` explains.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import sys
from collections.abc import Sequence
from typing import Any, Final, Protocol, cast

from bench.gateway_call import report
from bench.machine import describe_machine
from bench.shown import show_figures

__all__ = ["PARTS", "Part", "main", "measure"]

_DISTRIBUTIONS: Final = ("cryptography", "grpcio", "leeward", "protobuf")
PARTS: Final = ("rotation", "recovery", "partition", "rollback", "scale")
_QUICK_LIMIT_S: Final = 47.0
"""What is not through by then has no figures: better none than one that comes too late."""


class _Report(Protocol):
    def __call__(self, text: str) -> None: ...


class Part(Protocol):
    """A module of this benchmark."""

    async def measure(self, quick: bool, report: _Report) -> dict[str, Any]:
        """Return the part's figures.

        Args:
            quick: End within 40 seconds on a quiet machine, beside the other parts.
            report: Says how far the part is, on standard error.
        """
        ...


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.fleet", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object, last line")
    parser.add_argument("--quick", action="store_true", help="under 50 seconds, smaller samples")
    parser.add_argument("--part", choices=PARTS, action="append", help="only this; may be repeated")
    options = parser.parse_args(arguments)
    figures = asyncio.run(measure(options.part or PARTS, quick=options.quick))
    show_figures(figures, as_json=options.json)
    return 0


async def measure(parts: Sequence[str], *, quick: bool) -> dict[str, Any]:
    """Return the figures of these parts."""
    figures: dict[str, Any] = {}
    if quick and len(parts) > 1:
        for found in await asyncio.gather(*(_apart(name) for name in parts)):
            figures |= found
    else:
        for name in parts:
            report(f"{name}: begins")
            part = cast("Part", importlib.import_module(f"bench.fleet_{name}"))
            figures |= await part.measure(quick, report)
    return figures | {"machine": describe_machine(_DISTRIBUTIONS)}


async def _apart(name: str) -> dict[str, Any]:
    """Run one part, quick, in a process of its own; nothing where it takes too long."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.fleet", "--json", "--quick", "--part", name),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_QUICK_LIMIT_S):
            output, _ = await process.communicate()
    except TimeoutError:
        report(f"{name}: too slow to tell on this machine now")
        process.kill()  # what it has started ends with it
        await process.wait()
        return {}
    if process.returncode:
        raise RuntimeError(f"the part {name} ended with exit code {process.returncode}")
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


if __name__ == "__main__":
    sys.exit(main())
