"""Pulls that a daemon makes for its callers: told how far they are, ended with the caller."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.egress.control import ControlLog
from edge.egress.pulling import PullProgress, Pulls
from edge.models.record import StoredModel
from edge.models.store import ModelStore
from runtime.clock import SystemClock
from runtime.errors import (
    CapacityExhausted,
    ModelInvalid,
    NotFound,
    RequestInvalid,
    SignatureInvalid,
)
from runtime.ledger.read import read_entries
from runtime.ledger.record import ControlPassage
from runtime.ledger.writer import LedgerWriter

MODEL = (Path(__file__).parents[2] / "reference" / "weights" / "tern-s.gguf").read_bytes()
SOURCE = "acme/birds/tern-s.gguf"
Hub = Any  # the fixture's class lives in conftest.py, which is no module to import


class Desk:
    """The pulls of one device, and its ledger."""

    def __init__(self, state: Path, hub: Hub, ledger: LedgerWriter) -> None:
        self.state, self._hub, self._ledger = state, hub, ledger
        self.control = ControlLog(state / "ledger", ledger)
        self.store = ModelStore(state, clock=SystemClock())
        self.pulls = self.make(None)

    def make(self, signers: Any) -> Pulls:
        return Pulls(self.store, self.control, hub=self._hub.endpoint, signers=signers)

    async def passages(self) -> list[ControlPassage]:
        """Return what the ledger holds in the end; it is closed by this."""
        self.control.write()
        await self._ledger.close()
        records = [entry.record for entry in read_entries(self.state / "ledger")]
        return [record for record in records if isinstance(record, ControlPassage)]


@pytest_asyncio.fixture
async def desk(tmp_path: Path, hub: Hub) -> AsyncIterator[Desk]:
    hub.files[SOURCE] = MODEL
    async with LedgerWriter.open(tmp_path / "ledger", clock=SystemClock()) as ledger:
        yield Desk(tmp_path, hub, ledger)


async def pulled(pulls: Pulls, source: str = SOURCE, **more: str) -> list[Any]:
    return [step async for step in pulls.pull(source, **more)]


async def test_a_pull_tells_how_far_it_is_and_then_what_is_stored(desk: Desk) -> None:
    *steps, stored = await pulled(desk.pulls)

    assert steps
    assert all(isinstance(step, PullProgress) for step in steps)
    assert isinstance(stored, StoredModel)
    assert stored == desk.store.get("tern-s")
    passages = await desk.passages()
    assert {passage.status for passage in passages} == {"ok"}
    assert sum(passage.received_bytes for passage in passages) > len(MODEL)


async def test_a_caller_who_leaves_ends_the_pull_and_the_next_goes_on(desk: Desk, hub: Hub) -> None:
    hub.stalls_after = 300_000
    async with aclosing(desk.pulls.pull(SOURCE)) as steps:
        await anext(steps)
    with pytest.raises(CapacityExhausted, match="one at a time"):
        await pulled(desk.pulls)
    hub.stalls_after = 0
    hub.go_on.set()

    async with asyncio.timeout(10):
        while not (steps_then := await _tried(desk.pulls)):  # noqa: ASYNC110 - the thread ends
            await asyncio.sleep(0.01)

    assert isinstance(steps_then[-1], StoredModel)
    assert int(hub.downloads()[-1].headers["range"][6:-1]) > 0
    assert {passage.status for passage in await desk.passages()} == {"Cancelled", "ok"}


async def _tried(pulls: Pulls) -> list[Any]:
    try:
        return await pulled(pulls)
    except CapacityExhausted:
        return []


async def test_failures_reach_the_caller(desk: Desk, hub: Hub) -> None:
    signers = [Ed25519PrivateKey.generate().public_key()]
    hub.files["acme/birds/cut.gguf"] = MODEL[:-5]

    with pytest.raises(ModelInvalid, match="truncated"):
        await pulled(desk.pulls, "acme/birds/cut.gguf")
    with pytest.raises(SignatureInvalid):
        await pulled(desk.make(signers))
    asked = len(hub.asked)
    with pytest.raises(RequestInvalid, match="a daemon asks its hub alone"):
        await pulled(desk.pulls, f"{hub.storage}/{SOURCE}")
    with pytest.raises(RequestInvalid, match="at most 256 characters"):
        await pulled(desk.pulls, f"hf:acme/birds:{'a' * 250}.gguf", name="x")
    assert len(hub.asked) == asked

    assert desk.store.all() == ()


@pytest.mark.parametrize("source", ["", "~nobody-of-that-name/x", "a" * 300, "\0", "a" * 70_000])
async def test_a_source_that_is_none_is_refused(desk: Desk, source: str) -> None:
    with pytest.raises((RequestInvalid, ModelInvalid, NotFound)):
        await pulled(desk.pulls, source, name="x")
