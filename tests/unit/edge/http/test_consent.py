"""A request is kept when its caller says so in a header, and in no other case."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import AsyncOpenAI

from edge.capture.capture import Capture
from edge.capture.settings import CaptureSettings
from edge.capture.store import CaptureStore
from runtime.testing.fakes import ManualClock
from tests.unit.edge.http.conftest import running_front

ASKED = [{"role": "user", "content": "How many legs do two cats have?"}]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CaptureStore]:
    opened = CaptureStore(tmp_path / "capture", CaptureSettings(), clock=ManualClock())
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("headers", "kept"),
    [({}, 0), ({"x-leeward-capture": "no"}, 0), ({"x-leeward-capture": "yes"}, 1)],
)
@pytest.mark.parametrize("is_streamed", [False, True])
async def test_consent_is_a_header(
    store: CaptureStore, headers: dict[str, str], kept: int, *, is_streamed: bool
) -> None:
    async with running_front(capture=Capture(store, frozenset())) as front:
        front.near.answer("8", step="answer")
        async with AsyncOpenAI(base_url=f"{front.url}/v1", api_key="none") as client:
            answer = await client.chat.completions.create(
                model="small", messages=ASKED, stream=is_streamed, extra_headers=headers
            )
            if is_streamed:
                async for _ in answer:
                    pass

    assert len(store.listed()) == kept
