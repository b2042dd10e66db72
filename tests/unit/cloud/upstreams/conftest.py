"""A scripted provider on loopback, and a client of it."""

from collections.abc import AsyncIterator

import pytest

from cloud.upstreams.model import UpstreamSpec
from cloud.upstreams.openai_upstream import OpenAIUpstream
from runtime.clock import SystemClock
from runtime.testing.scripted_provider import Provider, running_provider


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with running_provider() as running:
        yield running


@pytest.fixture
async def upstream(provider: Provider) -> AsyncIterator[OpenAIUpstream]:
    client = OpenAIUpstream(UpstreamSpec("p", provider.base_url, "k"), SystemClock())
    yield client
    await client.close()
