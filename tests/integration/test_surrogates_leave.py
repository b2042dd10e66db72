"""Surrogates end to end: a provider that reads and writes invented data, a caller that does not."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from runtime.testing.faulty_house import FORGIVING_POLICY, FaultyHouse, ask, running_house
from runtime.testing.scripted_provider import Script

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]

EDGE_WEIGHTS = Path(__file__).parents[2] / "reference" / "weights" / "tern-s.gguf"
POLICY = f"{FORGIVING_POLICY}placeholders: surrogates\n"
TEXT = "Patient Anna Kowalska (anna.k@here.org) takes 3 tablets a day. How many a week?"
SEEN = "Patient Quellimar (contact1@example.com) takes 3 tablets a day. How many a week?"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FaultyHouse]:
    """A house whose policy asks for surrogates."""
    root = tmp_path_factory.mktemp("surrogates")
    async with running_house(root, EDGE_WEIGHTS, os.environ, policy_text=POLICY) as running:
        yield running


async def test_the_provider_sees_invented_data_and_the_caller_the_originals(
    house: FaultyHouse,
) -> None:
    house.play(Script(pieces=("For Qu", "ellim", "ar, contact1@exam", "ple.com", ": Answer: 21")))

    told = await ask(house.edge, "ask-cloud", TEXT)

    assert SEEN in str(house.provider.calls)
    assert "Kowalska" not in str(house.provider.calls)
    assert told.fell_back == ()
    assert told.answer.startswith("For Anna Kowalska, anna.k@here.org: Answer: 21")
    assert [(one.by, one.spans) for one in told.receipt.releases] == [("redact", 2)]
