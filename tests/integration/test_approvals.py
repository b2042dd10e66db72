"""An approval end to end: a real edge asks, the command line answers, the provider receives."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from runtime.errors import LeewardError
from runtime.executor.rules import ABSTAINED
from runtime.graph.document import parse_graph
from runtime.testing.faulty_house import FORGIVING_POLICY, FaultyHouse, Told, ask, running_house
from runtime.testing.local_roles import CommandResult, edit_yaml, leeward
from runtime.testing.scripted_provider import Script

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]

EDGE_WEIGHTS = Path(__file__).parents[2] / "reference" / "weights" / "tern-s.gguf"
TEXT = "Patient Anna Kowalska has diabetes and takes 3 tablets a day. How many a week?"
SEEN = "Patient <PERSON_1> has diabetes and takes 3 tablets a day. How many a week?"
POLICY = (
    FORGIVING_POLICY.replace(
        "redact}]", "redact}, {categories: [health], to: cloud, by: approval}]"
    )
    + "approvals: {wait_s: 60}\n"
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FaultyHouse]:
    """A house whose policy, the gateway's too, has a person asked."""
    root = tmp_path_factory.mktemp("approvals")
    async with running_house(root, EDGE_WEIGHTS, os.environ, policy_text=POLICY) as running:
        yield running


async def approvals(address: str, *arguments: str) -> CommandResult:
    return await leeward("edge", "approvals", *arguments, "--address", address, environment={})


async def pending(address: str) -> str:
    """Wait until somebody is asked; return the approval's id."""
    async with asyncio.timeout(60):
        while True:
            listed = json.loads((await approvals(address, "list", "--json")).stdout)["approvals"]
            if listed:
                return str(listed[0]["id"])


async def notes(house: FaultyHouse) -> list[dict[str, str]]:
    ledger = house.layout.ledger
    exported = await leeward("ledger", "export", str(ledger), environment={})
    entries = [json.loads(line)["entry"] for line in exported.stdout.splitlines()]
    return [entry["record"] for entry in entries if entry["kind"] == "approval"]


async def test_what_the_command_line_approves_reaches_the_provider_and_nothing_else_does(
    house: FaultyHouse,
) -> None:
    house.play(Script())
    asking = asyncio.create_task(ask(house.edge, "ask-cloud", TEXT, timeout_s=150))

    approval = await pending(house.edge)
    shown = await approvals(house.edge, "show", approval)
    before = list(house.provider.calls)
    said = await approvals(house.edge, "approve", approval, "--as", "dr.may")
    told: Told = await asking

    assert SEEN in " ".join(shown.stdout.split())
    assert before == []
    assert (said.exit_code, said.stderr) == (0, "")
    assert SEEN in str(house.provider.calls)
    assert "Kowalska" not in str(house.provider.calls)
    assert "dr.may" not in str(house.provider.calls)
    assert [(one.by, one.approver) for one in told.receipt.releases][-1] == ("approval", "dr.may")
    log = house.roles.log("edge").read_text()
    assert "diabetes" not in log
    assert "Kowalska" not in log


async def test_an_edge_that_is_killed_while_it_asks_records_a_no_when_it_comes_back(
    house: FaultyHouse,
) -> None:
    house.play(Script())
    before = len(await notes(house))
    asking = asyncio.create_task(ask(house.edge, "ask-cloud", TEXT, timeout_s=150))
    approval = await pending(house.edge)

    await house.roles.kill("edge")
    with pytest.raises(LeewardError):
        await asking
    address = (await house.roles.serve("edge", "edge", house.layout.edge_config))["grpc"]
    house.edge = address  # for tests that come after this one
    late = await approvals(address, "approve", approval)

    found = (await notes(house))[before:]
    assert [(note["approval"], note["status"]) for note in found] == [
        (approval, "asked"),
        (approval, "restarted"),
    ]
    assert late.exit_code == 16
    assert house.provider.calls == []


ASK_PERSON = parse_graph("""
leeward: graph/v1
name: ask-person
steps:
  near: {role: assistant, model: tern-s, max_tokens: 8}
  person: {role: guard, rule: person}
edges: [near -> person]
""")


async def test_what_a_person_answers_on_the_command_line_is_what_the_caller_gets(
    house: FaultyHouse,
) -> None:
    house.play(Script())
    edge = house.layout.edge_config
    before = len(await notes(house))
    silent = await ask(house.edge, ASK_PERSON, TEXT, timeout_s=60)
    edit_yaml(edge, edge, {"people": {"wait_s": 100}})
    await house.roles.kill("edge")
    house.edge = (await house.roles.serve("edge", "edge", edge))["grpc"]

    asking = asyncio.create_task(ask(house.edge, ASK_PERSON, TEXT, timeout_s=150))
    question = await pending(house.edge)
    shown = await approvals(house.edge, "show", question)
    yes = await approvals(house.edge, "approve", question, "--as", "dr.may")
    said = await approvals(house.edge, "answer", question, "Anna takes 21.", "--as", "dr.may")
    told: Told = await asking

    assert silent.answer == ABSTAINED  # without `people` nobody is asked
    assert f"[question] {TEXT}" in " ".join(shown.stdout.split())
    assert yes.exit_code == 15
    assert "waits for an answer: `leeward edge approvals answer`" in yes.stderr
    assert (said.exit_code, said.stderr) == (0, "")
    assert told.answer == "Anna takes 21."
    assert [step.person for step in told.receipt.steps] == ["", "dr.may"]
    assert not told.receipt.left_the_edge
    assert house.provider.calls == []
    assert [(note["status"], note["approver"]) for note in (await notes(house))[before:]] == [
        ("asked", ""),
        ("answered", "dr.may"),
    ]
    log = house.roles.log("edge").read_text()
    assert "21" not in [word.strip(".") for word in log.split()]
    assert "Kowalska" not in log
