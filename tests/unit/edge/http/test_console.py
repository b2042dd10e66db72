"""The console: its files, what its JSON tells, and that it tells nobody without the token."""

import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from edge.http.console.routes import Console
from runtime.clock import SystemClock
from runtime.ids import Category, ModelName, NodeName, PlanId, RequestId, SessionId, StepId
from runtime.labels import PUBLIC, Label
from runtime.ledger.record import (
    ApprovalNote,
    ApprovalStatus,
    ContentPassage,
    ControlPassage,
    ControlPurpose,
    Destination,
    Outcome,
)
from runtime.ledger.writer import LedgerWriter
from runtime.ports import ReleaseRecord
from tests.unit.edge.http.conftest import Front, running_front

PERSON, HEALTH = Category("person"), Category("health")
GATEWAY = Destination(NodeName("cloud"), "gateway.example:7443")


def passage(request: str, *, left_in: Label = PUBLIC) -> ContentPassage:
    return ContentPassage(
        destination=GATEWAY,
        model=ModelName("gannet-m"),
        request_id=RequestId(request),
        session_id=SessionId("s"),
        plan_id=PlanId("p"),
        step_id=StepId("answer"),
        graph="ask-cloud",
        label_before=Label(frozenset({PERSON}) | left_in.categories),
        label=left_in,
        releases=(ReleaseRecord("redact", (PERSON,), spans=2),),
        payload_digest=bytes(32),
        payload_bytes=279,
        policy_hash="0" * 64,
    )


@pytest.fixture
async def console(tmp_path: Path) -> Console:
    async with LedgerWriter.open(tmp_path, clock=SystemClock()) as ledger:
        first = await ledger.append(passage("r1"))
        await ledger.append(Outcome(first.position, "stop"))
        await ledger.append(ControlPassage(GATEWAY, ControlPurpose.SYNC, 100, 20))
        asked = Label(frozenset({HEALTH}))
        note = ApprovalNote(
            "a1", RequestId("r2"), NodeName("cloud"), asked, ApprovalStatus.APPROVED
        )
        await ledger.append(note)
        await ledger.append(passage("r3", left_in=asked))
    return Console(status=lambda: {"node": "edge"}, waiting=lambda: 2, ledger=tmp_path)


@pytest.fixture
async def front(console: Console) -> AsyncIterator[Front]:
    async with running_front(console=console, bearer_token="s3cret") as running:
        yield running


async def got(front: Front, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=front.url) as client:
        return await client.get(path, headers=headers)


async def told(front: Front) -> Mapping[str, Any]:
    answer = await got(front, "/console/status", authorization="Bearer s3cret")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return dict(answer.json())


async def test_it_tells_what_left_the_newest_first(front: Front) -> None:
    status = await told(front)

    assert status["node"] == "edge"
    assert status["waiting"] == 2
    newest, decision, oldest = status["passages"]
    assert (newest["request"], newest["left_in"], newest["end"]) == ("r3", ["health"], None)
    assert (decision["kind"], decision["end"]) == ("approval", "approved")
    assert oldest["taken_out"] == ["person"]
    assert oldest["releases"] == [{"by": "redact", "spans": 2}]
    assert (oldest["bytes"], oldest["left_in"], oldest["end"]) == (279, [], "stop")


async def test_without_the_token_it_tells_nothing(front: Front) -> None:
    for headers in ({}, {"authorization": "Bearer wrong"}):
        answer = await got(front, "/console/status", **headers)
        assert answer.status_code == 401
        assert "passages" not in answer.text


async def test_its_page_needs_none_and_holds_nothing_of_the_device(front: Front) -> None:
    page = await got(front, "/console")

    assert page.status_code == 200
    assert not re.search(r"device-[0-9a-f]", page.text)
    named = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert len(named) == 2
    for path in named:
        assert (await got(front, path)).status_code == 200


async def test_its_page_runs_its_own_files_and_stands_in_no_other(front: Front) -> None:
    page = await got(front, "/console")
    rules = page.headers["content-security-policy"]

    assert "default-src 'none'" in rules
    assert "frame-ancestors 'none'" in rules
    assert "unsafe" not in rules
    assert not re.search(r"<script(?![^>]*src)|<style|\son\w+=|\sstyle=", page.text)
    assert not re.search(r"https?://", page.text)


def test_its_script_writes_text_and_no_markup() -> None:
    script = Path(__file__).resolve().parents[4] / "edge" / "http" / "console" / "console.js"

    forbidden = r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|localStorage|cookie"
    assert not re.search(forbidden, script.read_text())


async def test_it_may_ask_the_device_that_it_is_of(console: Console) -> None:
    body = {"model": "leeward/ask-cloud", "messages": [{"role": "user", "content": "How many?"}]}
    async with running_front(console=console) as front, httpx.AsyncClient() as client:
        at = f"{front.url}/v1/chat/completions"
        own = await client.post(at, json=body, headers={"origin": front.url})
        other = await client.post(at, json=body, headers={"origin": front.url + "1"})

    assert own.status_code == 200
    assert other.status_code == 403


async def test_a_device_may_go_without(front: Front) -> None:
    async with running_front() as bare:
        assert (await got(bare, "/console")).status_code == 404
        assert (await got(bare, "/console/status")).status_code == 404
