"""Fail closed, with the real programs: an edge whose model fails, is late, or whose disk is full.

One edge is served with a model that gives no numbers for one word. The provider counts what leaves.
"""

import resource
from pathlib import Path

import numpy as np
import pytest

from runtime.errors import LeewardError
from runtime.testing.faulty_house import FaultyHouse, ask, enrol_edge
from runtime.testing.local_roles import edit_yaml
from runtime.testing.scripted_provider import Script
from tests.unit.runtime.sentinel.tagger.test_foreign_model import LABELS, WORDS, foreign

PUBLIC = "How many hours has a week?"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]

UNREADABLE_WORD = "Orion"
LONG = "seven and seven are how many? " * 15_000
"""Patterns alone need seconds for it; the edge is given less."""


def failing_model(folder: Path) -> Path:
    """Write a model whose scores for one word are no numbers."""
    table = np.zeros((len(WORDS), len(LABELS)), np.float32)
    table[WORDS.index(UNREADABLE_WORD)] = np.nan
    return foreign(folder, table=table)


async def served(house: FaultyHouse, model: Path) -> tuple[str, int]:
    """Serve a third edge that reads with ``model``; return its address and process."""
    config = house.layout.root / "failing.yaml"
    changes = {"state": "failing-state", "sentinel": {"model": str(model), "timeout_s": 1.0}}
    edit_yaml(house.layout.edge_config, config, changes)
    cloud = {"grpc": house.gateway, "enrolment": house.enrolment}
    await enrol_edge(house.layout, config, cloud, environment=house.environment)
    ports = await house.roles.serve("failing", "edge", config)
    return ports["grpc"], house.roles.pid("failing")


async def outcome(edge: str, text: str) -> str:
    """Return the failure's class, or nothing for an answer."""
    try:
        told = await ask(edge, "ask-cloud", text, timeout_s=60.0)
    except LeewardError as error:
        return type(error).__name__
    assert told.answer
    return ""


async def test_nothing_leaves_an_edge_that_cannot_judge_or_record(
    house: FaultyHouse, tmp_path: Path
) -> None:
    edge, process = await served(house, failing_model(tmp_path))
    try:
        house.play(Script(pieces=("Answer: 168",)))

        assert await outcome(edge, PUBLIC) == ""
        assert len(house.provider.calls) == 1  # it does leave when all is well

        house.play(Script(pieces=("Answer: 168",)))
        assert await outcome(edge, f"{PUBLIC} {UNREADABLE_WORD}") == ""  # by the edge alone
        assert house.provider.calls == []

        assert await outcome(edge, LONG)
        assert house.provider.calls == []

        soft, hard = resource.prlimit(process, resource.RLIMIT_FSIZE)
        resource.prlimit(process, resource.RLIMIT_FSIZE, (0, hard))  # no file grows any more
        assert await outcome(edge, PUBLIC) == "LedgerUnavailable"
        resource.prlimit(process, resource.RLIMIT_FSIZE, (soft, hard))
        assert await outcome(edge, PUBLIC) == "LedgerUnavailable"  # until it starts anew
        assert house.provider.calls == []
    finally:
        await house.roles.kill("failing")
