"""Questions of graphs before a person: their words reach the caller; no one else, and no record."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.noninterference_house import ASK_CLOUD, House, opened_house
from edge.privacy.operators import Operators
from runtime.errors import NotFound, RequestInvalid
from runtime.executor.people import PersonAnswer, PersonQuestion
from runtime.ids import NodeName, RequestId, StepId
from runtime.labels import Label
from runtime.ledger.read import read_entries
from runtime.ledger.record import ApprovalNote
from tests.privacy.test_approvals import command, run, serving, world

QUESTION = "[question] Patient Anna Kowalska has diabetes. How many tablets?"


def asked(longest_s: float = 20.0, content: str = QUESTION) -> PersonQuestion:
    return PersonQuestion(
        RequestId("1" * 32),
        StepId("person"),
        NodeName("edge"),
        Label.of("health", "person"),
        content,
        longest_s,
    )


@dataclass
class Waiting:
    """One question that waits."""

    house: House
    task: asyncio.Task[PersonAnswer | None]
    name: str


@asynccontextmanager
async def waiting(tmp_path: Path, *, longest_s: float = 20.0) -> AsyncIterator[Waiting]:
    root = tmp_path / "house"
    root.mkdir()
    async with opened_house(root, tmp_path / "keys", world=world()) as house:
        desk = Operators(house.approvals, wait_s=15.0)
        task = asyncio.create_task(desk.answer(asked(longest_s)))
        async with asyncio.timeout(10):
            while not house.approvals.pending():  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.005)
        yield Waiting(house, task, house.approvals.pending()[0].approval_id)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def notes(tmp_path: Path) -> list[tuple[str, str, tuple[str, ...]]]:
    return [
        (entry.record.status.value, entry.record.approver, entry.record.categories.names())
        for entry in read_entries(tmp_path / "house" / "ledger")
        if isinstance(entry.record, ApprovalNote)
    ]


def written(root: Path) -> str:
    """Return everything in all files, as text."""
    kept = b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())
    return kept.decode(errors="replace")


async def test_the_answer_given_on_the_command_line_comes_back_with_who_gave_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    async with waiting(tmp_path) as one, serving(one.house) as address:
        to = ("--address", address)
        listed = await command("list", *to)
        shown = await command("show", one.name, *to, "--json")
        said = await command("answer", one.name[:6], "Three for Anna.", "--as", "dr.may", *to)
        answer = await one.task
        again = await command("answer", one.name, "Four.", "--as", "june", *to)

    assert answer == PersonAnswer("Three for Anna.", "dr.may")
    assert "answer" in listed.stdout
    assert "diabetes" not in listed.stdout
    assert json.loads(shown.stdout)["content"] == QUESTION
    assert said.stdout.strip() == f"{one.name}: answered"
    assert again.exit_code == 16  # the first answer stands, and the second hears so
    categories = ("health", "person")
    assert notes(tmp_path) == [("asked", "", categories), ("answered", "dr.may", categories)]
    told = written(tmp_path) + str([vars(record) for record in caplog.records])
    assert "diabetes" not in told
    assert "Three for Anna" not in told


async def test_a_refusal_is_no_answer_and_the_record_says_who_refused(tmp_path: Path) -> None:
    async with waiting(tmp_path) as one:
        await one.house.approvals.decide(one.name, approved=False, decided_by="june")
        answer = await one.task

    assert answer is None
    assert [note[:2] for note in notes(tmp_path)] == [("asked", ""), ("refused", "june")]


async def test_silence_is_no_answer(tmp_path: Path) -> None:
    async with waiting(tmp_path, longest_s=0.2) as one:
        answer = await one.task
        with pytest.raises(NotFound):
            await one.house.approvals.decide(one.name, approved=True, decided_by="may", answer="3")

    assert answer is None
    assert [note[:2] for note in notes(tmp_path)] == [("asked", ""), ("expired", "")]


@pytest.mark.parametrize(
    ("approved", "answer"), [(True, ""), (True, " \n"), (False, "3"), (True, "3" * 200_001)]
)
async def test_a_yes_without_words_and_a_no_with_words_are_refused(
    tmp_path: Path, approved: bool, answer: str
) -> None:
    async with waiting(tmp_path) as one:
        with pytest.raises(RequestInvalid) as refused:
            await one.house.approvals.decide(
                one.name, approved=approved, decided_by="may", answer=answer
            )
        assert await one.house.approvals.decide(
            one.name, approved=True, decided_by="may", answer="3"
        )

        assert (refused.value.field, await one.task) == ("answer", PersonAnswer("3", "may"))


async def test_words_do_not_let_a_request_leave(tmp_path: Path) -> None:
    root = tmp_path / "house"
    root.mkdir()
    async with opened_house(root, tmp_path / "keys", world=world()) as house:
        task = asyncio.create_task(run(house))
        async with asyncio.timeout(10):
            while not house.approvals.pending():  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.005)
        (item,) = house.approvals.pending()
        with pytest.raises(RequestInvalid):
            await house.approvals.decide(
                item.approval_id, approved=True, decided_by="may", answer="yes"
            )
        assert not await house.approvals.decide(item.approval_id, approved=False, decided_by="may")
        receipt = await task

    assert ASK_CLOUD.name == receipt.graph
    assert not receipt.left_the_edge


async def test_a_question_longer_than_a_person_reads_is_not_asked(tmp_path: Path) -> None:
    root = tmp_path / "house"
    root.mkdir()
    async with opened_house(root, tmp_path / "keys", world=world()) as house:
        desk = Operators(house.approvals, wait_s=15.0)

        assert await desk.answer(asked(content="x" * 200_001)) is None
        assert house.approvals.pending() == ()
