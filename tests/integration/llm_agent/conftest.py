"""A scripted server for each test, and an agent at it."""

from collections.abc import AsyncIterator

import pytest

from runtime.testing.scripted_provider import Provider, running_provider
from tests.integration.llm_agent.desk import GOOD, Desk


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with running_provider(GOOD) as running:
        yield running


@pytest.fixture
async def desk(provider: Provider) -> AsyncIterator[Desk]:
    found = Desk(provider)
    yield found
    await found.agent.close()
