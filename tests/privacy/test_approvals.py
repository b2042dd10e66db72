"""Releases by approval: a person sees the very text; their yes is recorded, all else is a no."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import grpc
import pytest
from typer.testing import CliRunner

from bench.noninterference_house import ASK_CLOUD, RULES, House, World, opened_house
from edge.cli import app
from edge.servicers.approvals import decide_approval, list_approvals
from leeward.v1 import admin_pb2 as pb
from leeward.v1 import admin_pb2_grpc
from runtime.collaboration.collaboration import CollaborationRequest
from runtime.collaboration.graphs import Inline
from runtime.errors import ApprovalRefused, NotFound, RequestInvalid
from runtime.executor.events import Receipt, RunFinished
from runtime.ids import RequestId, SessionId
from runtime.ledger.read import read_entries
from runtime.ledger.record import ApprovalNote, ContentPassage
from runtime.policy.document import parse_policy, policy_hash
from runtime.ports import ChatMessage
from runtime.rpc.boundary import error_boundary
from runtime.rpc.servers import bind, new_server

POLICY = """
leeward: policy/v1
categories: {person: confidential, contact: confidential, health: restricted, secret: restricted}
clearance: {edge: restricted, cloud: internal}
releases:
  - {categories: [person, contact], to: cloud, by: redact}
  - {categories: [health], to: cloud, by: approval}
when_unsure: restricted
cloud_away: edge_only
"""
TEXT = "Patient Anna Kowalska has diabetes and takes 2 tablets. How many in a week?"
CONTENT = "[user] Patient <PERSON_1> has diabetes and takes 2 tablets. How many in a week?"


def world(approvals: str = "{wait_s: 5}") -> World:
    return World(parse_policy(f"{POLICY}approvals: {approvals}\n"), RULES.catalog)


@dataclass
class Run:
    """One request under way."""

    house: House
    root: Path
    task: asyncio.Task[Receipt]

    async def asked(self) -> str:
        """Wait until a person is asked; return the approval's id."""
        async with asyncio.timeout(5):
            while not self.house.approvals.pending():  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.005)
        return self.house.approvals.pending()[-1].approval_id

    def passages(self) -> bytes:
        return b"".join(self.house.recorder.passages)


async def run(house: House, text: str = TEXT, number: int = 1) -> Receipt:
    request = CollaborationRequest(
        choice=Inline(ASK_CLOUD),
        messages=(ChatMessage("user", text),),
        session_id=SessionId("a" * 32),
        request_id=RequestId(f"{number:032x}"),
        deadline_s=20.0,
    )
    receipt: Receipt | None = None
    async with aclosing(house.collaboration.run(request)) as events:
        async for event in events:
            if isinstance(event, RunFinished):
                receipt = event.receipt
    assert receipt is not None
    return receipt


@asynccontextmanager
async def running(tmp_path: Path, furnished: World, text: str = TEXT) -> AsyncIterator[Run]:
    root = tmp_path / "house"
    root.mkdir(exist_ok=True)
    async with opened_house(root, tmp_path / "keys", world=furnished) as house:
        task = asyncio.create_task(run(house, text))
        try:
            yield Run(house, root, task)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def notes(root: Path) -> list[tuple[str, str]]:
    """Return status and approver of every approval entry."""
    return [
        (entry.record.status.value, entry.record.approver)
        for entry in read_entries(root / "ledger")
        if isinstance(entry.record, ApprovalNote)
    ]


async def test_what_a_person_approves_leaves_as_they_saw_it_and_the_record_names_them(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, world()) as started:
        approval = await started.asked()
        (waiting,) = started.house.approvals.pending()

        assert await started.house.approvals.decide(approval, approved=True, decided_by="dr.may")
        receipt = await started.task

    assert waiting.content == CONTENT
    assert waiting.categories.names() == ("health",)
    assert CONTENT.removeprefix("[user] ").encode() in started.passages()
    assert b"Kowalska" not in started.passages()
    assert b"dr.may" not in started.passages()
    assert [(one.by, one.approver) for one in receipt.releases] == [
        ("redact", ""),
        ("approval", "dr.may"),
    ]
    assert notes(started.root) == [("asked", ""), ("approved", "dr.may")]
    (passage,) = [
        entry.record
        for entry in read_entries(started.root / "ledger")
        if isinstance(entry.record, ContentPassage)
    ]
    assert [one.approver for one in passage.releases] == ["", "dr.may"]
    assert "diabetes" not in "".join(
        path.read_text(errors="replace") for path in started.root.rglob("*.jsonl")
    )


async def test_after_a_no_the_edge_answers_alone(tmp_path: Path) -> None:
    async with running(tmp_path, world()) as started:
        approval = await started.asked()

        assert not await started.house.approvals.decide(approval, approved=False, decided_by="may")
        receipt = await started.task

    assert not receipt.left_the_edge
    assert not started.passages()
    assert notes(started.root) == [("asked", ""), ("refused", "may")]


async def test_without_an_answer_in_time_the_edge_answers_alone(tmp_path: Path) -> None:
    async with running(tmp_path, world("{wait_s: 0.05}")) as started:
        receipt = await started.task

        assert not started.house.approvals.pending()

    assert not receipt.left_the_edge
    assert notes(started.root) == [("asked", ""), ("expired", "")]


async def test_a_policy_may_refuse_what_nobody_approved(tmp_path: Path) -> None:
    async with running(tmp_path, world("{wait_s: 0.05, otherwise: refuse}")) as started:
        with pytest.raises(ApprovalRefused, match="nobody approved that health goes to cloud"):
            await started.task

    assert not started.passages()
    assert not started.house.releases._released  # what the person was shown is dropped as well


@pytest.mark.parametrize(
    ("furnished", "text"),
    [
        (replace(world(), policy=replace(world().policy, approvals=None)), TEXT),
        (world(), "Patient Anna Kowalska takes 2 tablets."),
        (world(), "She has diabetes; the password is hunter22!"),
        (world(), "Nothing about anybody."),
    ],
    ids=["nobody is to be asked", "redacting is enough", "a secret stays anyway", "public"],
)
async def test_nobody_is_asked_in_vain(tmp_path: Path, furnished: World, text: str) -> None:
    async with running(tmp_path, furnished, text) as started:
        await started.task

    assert notes(started.root) == []


async def test_a_full_desk_counts_as_a_no(tmp_path: Path) -> None:
    async with running(tmp_path, world("{wait_s: 5, at_most: 1}")) as started:
        await started.asked()

        second = await run(started.house, number=2)

        assert not second.left_the_edge
        assert len(started.house.approvals.pending()) == 1


async def test_who_goes_away_is_no_longer_waited_for(tmp_path: Path) -> None:
    async with running(tmp_path, world()) as started:
        approval = await started.asked()
        started.task.cancel()
        await asyncio.gather(started.task, return_exceptions=True)

        with pytest.raises(NotFound):
            await started.house.approvals.decide(approval, approved=True, decided_by="may")

    assert notes(started.root) == [("asked", ""), ("withdrawn", "")]
    assert not list((started.root / "approvals").iterdir())


async def test_the_first_answer_stands(tmp_path: Path) -> None:
    async with running(tmp_path, world()) as started:
        approval = await started.asked()
        desk = started.house.approvals

        first, second = await asyncio.gather(
            desk.decide(approval, approved=False, decided_by="may"),
            desk.decide(approval, approved=True, decided_by="june"),
        )

        assert not first
        assert not second
        assert not (await started.task).left_the_edge


async def test_a_question_that_a_stop_left_open_is_recorded_as_refused(tmp_path: Path) -> None:
    async with running(tmp_path, world()) as started:
        await started.asked()
        (marker,) = (started.root / "approvals").iterdir()
        kept = marker.read_bytes()
    marker.write_bytes(kept)  # as if the process had been killed instead
    (started.root / "approvals" / "torn.json").write_bytes(b'{"appr')

    root = tmp_path / "next"
    root.mkdir()
    (started.root / "approvals").rename(root / "approvals")
    async with opened_house(root, tmp_path / "keys", world=world()) as house:
        assert not house.approvals.pending()

    assert sorted(notes(root)) == [("restarted", ""), ("restarted", "")]
    assert not list((root / "approvals").iterdir())
    assert b"diabetes" not in kept
    assert set(json.loads(kept)) == {"approval", "request", "node", "categories"}


async def test_a_yes_that_cannot_be_recorded_does_not_count(tmp_path: Path) -> None:
    async with running(tmp_path, world()) as started:
        approval = await started.asked()
        ledger = started.house.approvals._ledger
        await ledger.close()

        with pytest.raises(Exception, match="ledger"):
            await started.house.approvals.decide(approval, approved=True, decided_by="may")

        assert not (await started.task).left_the_edge


@pytest.mark.parametrize("name", ["", "Anna from the desk", "x" * 300])
async def test_whoever_decides_gives_a_plain_name(tmp_path: Path, name: str) -> None:
    async with running(tmp_path, world()) as started:
        approval = await started.asked()

        with pytest.raises(RequestInvalid, match="name without spaces"):
            await started.house.approvals.decide(approval, approved=True, decided_by=name)

        assert started.house.approvals.pending()


async def test_the_command_line_lists_shows_and_decides(tmp_path: Path, caplog) -> None:
    async with running(tmp_path, world()) as started, serving(started.house) as address:
        approval = await started.asked()
        listed = await command("list", "--address", address)
        shown = await command("show", approval[:6], "--address", address, "--json")
        said = await command("approve", approval[:6], "--as", "dr.may", "--address", address)
        receipt = await started.task
        again = await command("deny", approval, "--as", "june", "--address", address)
        gone = await command("show", approval, "--address", address)

    assert "health" in listed.stdout
    assert "diabetes" not in listed.stdout
    assert json.loads(shown.stdout)["content"] == CONTENT
    assert (said.exit_code, "approved" in said.stdout) == (0, True)
    assert receipt.left_the_edge
    assert (again.exit_code, "first answer stands" in again.stdout) == (3, True)
    assert gone.exit_code == 16
    assert "diabetes" not in f"{[vars(record) for record in caplog.records]}"


class Desk(admin_pb2_grpc.AdminServicer):
    """The two calls of ``Admin`` that concern approvals, as the daemon serves them."""

    def __init__(self, house: House) -> None:
        self._approvals = house.approvals

    async def ListApprovals(self, request, context):
        async with error_boundary(context, "Admin.ListApprovals"):
            return list_approvals(self._approvals)

    async def DecideApproval(self, request, context):
        async with error_boundary(context, "Admin.DecideApproval"):
            return await decide_approval(self._approvals, request)


@asynccontextmanager
async def serving(house: House) -> AsyncIterator[str]:
    server = new_server(max_concurrent_rpcs=4)
    admin_pb2_grpc.add_AdminServicer_to_server(Desk(house), server)
    port = bind(server, "127.0.0.1:0", tls=None)
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


async def command(*arguments: str):
    return await asyncio.to_thread(CliRunner().invoke, app, ["approvals", *arguments])


async def test_a_decision_that_is_neither_yes_nor_no_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path, world()) as started, serving(started.house) as address:
        approval = await started.asked()
        async with grpc.aio.insecure_channel(address) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await admin_pb2_grpc.AdminStub(channel).DecideApproval(
                    pb.DecideApprovalRequest(approval_id=approval, decided_by="may"), timeout=5
                )

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_policies_without_the_section_keep_their_hash_and_the_section_counts() -> None:
    before = parse_policy(POLICY)

    assert policy_hash(before) != policy_hash(world().policy)
    assert parse_policy(f"{POLICY}approvals: {{}}\n").approvals is not None
