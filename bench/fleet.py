"""Whether a fleet of edges stays up: rotation, recovery, partitions, rollback and scale.

``python -m bench.fleet --json [--quick] [--part NAME]`` runs its parts one after the other, each
with real processes and real TLS on loopback. A part is a module ``bench.fleet_NAME`` with
``measure``; one that is not there is passed over, and so are its figures. Progress goes to standard
error; the last line of standard output is one JSON object. ``bench/README.md`` explains it.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import importlib.util
import json
import sys
from collections.abc import Sequence
from typing import Any, Final, Protocol, cast

from bench.gateway_call import report
from bench.machine import describe_machine

__all__ = ["PARTS", "Part", "main", "measure"]

_DISTRIBUTIONS: Final = ("cryptography", "grpcio", "leeward", "protobuf")
PARTS: Final = ("rotation", "recovery", "partition", "rollback", "scale")
"""In this order; a quick run gives each some 9 seconds."""


class _Report(Protocol):
    def __call__(self, text: str) -> None: ...


class Part(Protocol):
    """A module of this benchmark."""

    async def measure(self, quick: bool, report: _Report) -> dict[str, Any]:
        """Return the part's figures.

        Args:
            quick: End within 9 seconds on a quiet machine.
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
    if options.json:
        print(json.dumps(figures))
    else:
        print("\n".join(f"{name}: {value}" for name, value in figures.items()))
    return 0


async def measure(parts: Sequence[str], *, quick: bool) -> dict[str, Any]:
    """Return the figures of the parts that are there."""
    figures: dict[str, Any] = {}
    for name in parts:
        part = _part(name)
        if part is None:
            report(f"{name}: not there")
            continue
        report(f"{name}: begins")
        figures |= await part.measure(quick, report)
    return figures | {"machine": describe_machine(_DISTRIBUTIONS)}


def _part(name: str) -> Part | None:
    module = f"bench.fleet_{name}"
    if importlib.util.find_spec(module) is None:
        return None
    return cast("Part", importlib.import_module(module))  # a registry by name


if __name__ == "__main__":
    sys.exit(main())
