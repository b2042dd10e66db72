"""The long profile of promises 1 and 2: 100,000 random examples of each, on all cores.

``make long-privacy``. Fresh examples every time; ``--first-seed`` draws the same again, and with
``--examples 1`` only the one that a failure names.
"""

from __future__ import annotations

import os
import secrets
import sys
import time

import pytest
from rich.console import Console
from rich.progress import Progress

from runtime.testing.at_length import Property, hold
from tests.privacy.flow_properties import (
    no_plan_leaks,
    nothing_accepted_is_stopped,
    nothing_accepted_leaks,
    nothing_accepted_of_one_secret_is_stopped,
    only_leaks_are_refused,
    the_structure_alone_decides,
    whatever_is_refused_is_stopped,
)
from tests.privacy.two_secrets import two_secrets_pass_alike

EXAMPLES = 100_000
PAIRS = 3_000
"""Each runs the whole edge twice."""


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize(
    ("check", "examples"),
    [
        (nothing_accepted_leaks, EXAMPLES),
        (only_leaks_are_refused, EXAMPLES),
        (the_structure_alone_decides, EXAMPLES),
        (no_plan_leaks, EXAMPLES),
        (nothing_accepted_is_stopped, EXAMPLES),
        (nothing_accepted_of_one_secret_is_stopped, EXAMPLES),
        (whatever_is_refused_is_stopped, EXAMPLES),
        (two_secrets_pass_alike, PAIRS),
    ],
)
def test_a_promise_holds_at_length(
    check: Property,
    examples: int,
    pytestconfig: pytest.Config,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: int | None = pytestconfig.getoption("--examples")
    first_seed: int | None = pytestconfig.getoption("--first-seed")
    seed = secrets.randbelow(2**40) if first_seed is None else first_seed
    started_s = time.monotonic()

    with capsys.disabled(), Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(check.__name__, total=asked or examples)
        tally = hold(
            check,
            examples=asked or examples,
            first_seed=seed,
            processes=1 if asked == 1 else len(os.sched_getaffinity(0)),
            advance=lambda held: progress.advance(bar, held),
        )

    with capsys.disabled():
        took_s = time.monotonic() - started_s
        sys.stdout.write(
            f"\n{check.__doc__}\n{check.__name__}, seeds from {seed}, {took_s:.0f} s: "
        )
        sys.stdout.write("\n".join(tally.lines()) + "\n")
    assert tally.held >= (asked or examples)
