"""Whether anything that passes the gate depends on a secret: pairs of secrets, byte for byte.

``python -m bench.noninterference --json [--quick]``. The real intake, planner, flow check,
executor, releases, ledger and gate run every shipped graph twice, with two secrets that differ in
nothing but their values; the far side's bytes are compared. ``bench/README.md`` explains the keys.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import math
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import Progress

from bench.machine import describe_machine
from bench.noninterference_apart import Apart, apart_cases, leak_bits
from bench.noninterference_graphs import Case, shipped_cases, told_releases
from bench.noninterference_house import Outcome, run_once
from bench.noninterference_secrets import (
    SESSIONS,
    Secret,
    SecretSource,
    Session,
    filled,
    look_alike,
)
from bench.shown import show_figures
from runtime.labels import Label
from runtime.planner.model import Plan
from runtime.policy.model import PlaceholderStyle
from runtime.sentinel.categories import KINDS
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.scan import Sentinel

__all__ = ["main"]

_PAIRS: Final = 1_000
_QUICK_PAIRS: Final = 100
_METERED_SECRETS: Final = 64
_QUICK_METERED_SECRETS: Final = 16
_METERED_SESSION: Final = SESSIONS[1]
_LENDER: Final = "graphs/ask-cloud"
"""Its catalog serves the plans that no shipped graph has."""
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - thousands of ledgers and vaults need no disk
_LONGEST_PART: Final = 3
"""Parts of a secret up to this length stand in any text; only longer ones are searched for."""
_RELEASED: Final = Label(frozenset(KINDS.values()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the pairs and print; exit code 3 when two secrets made a difference."""
    parser = argparse.ArgumentParser(prog="bench.noninterference", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object, last line")
    parser.add_argument("--quick", action="store_true", help=f"{_QUICK_PAIRS} pairs")
    parser.add_argument("--pairs", type=int, help="another number of pairs")
    parser.add_argument("--seed", type=int, default=0, help="of the secrets")
    parser.add_argument(
        "--placeholders",
        choices=[style.value for style in PlaceholderStyle],
        default=PlaceholderStyle.TAGS.value,
        help="how every policy has redaction write them",
    )
    options = parser.parse_args(arguments)
    pairs = options.pairs or (_QUICK_PAIRS if options.quick else _PAIRS)
    metered = _QUICK_METERED_SECRETS if options.quick else _METERED_SECRETS
    style = PlaceholderStyle(options.placeholders)
    values = asyncio.run(_measured(pairs, metered, seed=options.seed, style=style))
    values["machine"] = describe_machine(("leeward",))
    show_figures(values, as_json=options.json)
    return 3 if values["violations"] else 0


@dataclass(slots=True)
class _Tally:
    """What the pairs came to."""

    pairs: int = 0
    """Of which at least one secret's run passed the gate."""
    undetected: int = 0
    violations: int = 0
    quoted: int = 0
    """Passages that held a part of a secret; violations too."""
    swayed: int = 0
    """Pairs whose answers differ, so that the secret was really there."""
    passages: Counter[str] = field(default_factory=Counter)
    pairs_by_graph: Counter[str] = field(default_factory=Counter)
    violated: list[str] = field(default_factory=list)


async def _measured(
    pairs: int, metered: int, *, seed: int, style: PlaceholderStyle
) -> dict[str, object]:
    rng = random.Random(seed)  # noqa: S311 - the same secrets every time
    source = SecretSource(rng)
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        houses = _Houses(Path(folder), style)
        told = [(case, told_releases(case, _RELEASED)) for case in shipped_cases()]
        covered = [case for case, releases in told if not releases]
        tally = await _compared(houses, covered, source, pairs, rng=rng)
        apart = [Apart(case, None, releases) for case, releases in told if releases]
        apart += apart_cases(next(case for case, _ in told if case.name == _LENDER))
        meter = [await _metered(houses, one, source, secrets=metered) for one in apart]
    return {
        "placeholders": style.value,
        "violations": tally.violations,
        "pairs": tally.pairs,
        "undetected_pairs": tally.undetected,
        "quoted_passages": tally.quoted,
        "swayed_pairs": tally.swayed,
        "violated": tally.violated[:20],
        "graphs": {
            case.name: {
                "pairs": tally.pairs_by_graph[case.name],
                "passages": tally.passages[case.name],
            }
            for case in covered
        },
        "graphs_apart": meter,
    }


class _Houses:
    """Fresh edges, one after the other, with one set of ledger keys."""

    def __init__(self, folder: Path, style: PlaceholderStyle) -> None:
        self._folder = folder
        self._style = style
        self.sentinel = Sentinel(default_detectors())

    async def run(
        self, case: Case, session: Session, secret: Secret, plan: Plan | None = None
    ) -> Outcome:
        world = case.world
        policy = replace(world.policy, placeholders=self._style)
        with tempfile.TemporaryDirectory(dir=self._folder) as root:
            return await run_once(
                Path(root),
                self._folder / "keys",
                case.graph,
                filled(session, secret),
                world=replace(world, policy=policy),
                plan=plan,
            )


async def _compared(
    houses: _Houses,
    cases: Sequence[Case],
    source: SecretSource,
    pairs: int,
    *,
    rng: random.Random,
) -> _Tally:
    """Compare pairs such as the promise speaks of, until ``pairs`` of them passed the gate."""
    tally = _Tally()
    every = list(itertools.product(SESSIONS, cases))
    rng.shuffle(every)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("pairs", total=pairs)
        for session, case in itertools.cycle(every):
            one, other = _pair(houses, session, source, tally)
            first = await houses.run(case, session, one)
            second = await houses.run(case, session, other)
            _count(tally, case, first, second, secrets=(one, other))
            progress.update(task, completed=tally.pairs)
            if tally.pairs >= pairs:
                break
    return tally


def _pair(
    houses: _Houses, session: Session, source: SecretSource, tally: _Tally
) -> tuple[Secret, Secret]:
    while True:
        one, other = source.draw(), source.draw()
        if look_alike(session, one, other, houses.sentinel):
            return one, other
        tally.undetected += 1


def _count(
    tally: _Tally, case: Case, first: Outcome, second: Outcome, *, secrets: Sequence[Secret]
) -> None:
    quoted = sum(_quotes(passage, secrets) for passage in (*first.passages, *second.passages))
    differs = first.passages != second.passages or first.failure != second.failure
    has_passed = bool(first.passages or second.passages)
    tally.pairs += has_passed
    tally.pairs_by_graph[case.name] += 1
    tally.passages[case.name] += len(first.passages) + len(second.passages)
    tally.swayed += has_passed and first.answer != second.answer
    tally.quoted += quoted
    if quoted or differs:
        tally.violations += 1
        tally.violated.append(case.name)


def _quotes(passage: bytes, secrets: Sequence[Secret]) -> bool:
    values = {value for secret in secrets for value in secret.values()}
    words = {word for value in values for word in (value, *value.split()) if not word.isdigit()}
    quoted = "|".join(re.escape(word) for word in words if len(word) > _LONGEST_PART)
    return re.search(rf"(?<!\w)(?:{quoted})(?!\w)".encode(), passage) is not None


async def _metered(
    houses: _Houses, apart: Apart, source: SecretSource, *, secrets: int
) -> dict[str, object]:
    observed: list[tuple[bytes, ...]] = []
    while len(observed) < secrets:
        secret = source.draw()
        if not look_alike(_METERED_SESSION, secret, secret, houses.sentinel):
            continue  # what is not found would tell more than the releases do
        outcome = await houses.run(apart.case, _METERED_SESSION, secret, apart.plan)
        observed.append(tuple(outcome.passages))
    return {
        "graph": apart.case.name,
        "releases": list(apart.releases),
        "leak_bits": round(leak_bits(observed), 3),
        "of_bits": round(math.log2(secrets), 3),
        "secrets": secrets,
    }


if __name__ == "__main__":
    sys.exit(main())
