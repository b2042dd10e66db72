"""The ledger group over a real ledger, intact and altered."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from runtime.cli.main import app
from runtime.clock import SystemClock
from runtime.ids import Category, ModelName, NodeName, PlanId, RequestId, SessionId, StepId
from runtime.labels import PUBLIC, Label
from runtime.ledger.record import ContentPassage, Destination, Outcome
from runtime.ledger.writer import LedgerWriter
from runtime.ports import ReleaseRecord

runner = CliRunner()


def passage(request: str) -> ContentPassage:
    return ContentPassage(
        destination=Destination(NodeName("cloud"), "127.0.0.1:7443"),
        model=ModelName("gannet-m"),
        request_id=RequestId(request),
        session_id=SessionId("s-1"),
        plan_id=PlanId("p-1"),
        step_id=StepId("far"),
        graph="ask-cloud",
        label_before=Label.of("person"),
        label=PUBLIC,
        releases=(ReleaseRecord("redact", (Category("person"),), spans=2),),
        payload_digest=bytes(32),
        payload_bytes=123,
        policy_hash="a" * 64,
    )


async def write(directory: Path) -> None:
    async with LedgerWriter.open(directory, clock=SystemClock()) as writer:
        for request in ("r-1", "r-2"):
            head = await writer.append(passage(request))
            await writer.append(Outcome(of=head.position, status="ok", received_bytes=45))


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    directory = tmp_path / "ledger"
    asyncio.run(write(directory))
    return directory


def leeward(*arguments: str, code: int = 0) -> str:
    result = runner.invoke(app, ["ledger", *arguments])
    assert result.exit_code == code, result.output
    return result.output


def alter(ledger: Path) -> None:
    segment = next(ledger.glob("*.jsonl"))
    segment.write_text(segment.read_text().replace('"payload_bytes":123', '"payload_bytes":124', 1))


def test_an_intact_ledger_verifies(ledger: Path) -> None:
    output = leeward("verify", str(ledger))

    assert "intact, 5 entries (1 open, 2 content, 2 outcome)" in output
    assert "MACs checked" in output
    assert "no --anchor given" in output


def test_an_altered_ledger_exits_with_its_code_and_the_place(ledger: Path) -> None:
    alter(ledger)

    output = leeward("verify", str(ledger), code=26)

    assert "000000000000.jsonl:2: " in output
    assert "is not intact" in output
    assert "intact, " not in output


def test_an_altered_ledger_as_json_is_one_object(ledger: Path) -> None:
    alter(ledger)

    report = json.loads(leeward("verify", str(ledger), "--json", code=26))

    assert report["intact"] is False
    assert report["problems"][0]["line"] == 2


def test_an_anchor_finds_what_was_cut_off(ledger: Path) -> None:
    head = json.loads(leeward("verify", str(ledger), "--json"))["head"]
    anchor = f"{head['position']}:{head['mac']}"
    leeward("verify", str(ledger), "--anchor", anchor)
    segment = next(ledger.glob("*.jsonl"))
    segment.write_text("".join(segment.read_text().splitlines(keepends=True)[:-1]))

    assert "which others have seen" in leeward("verify", str(ledger), "--anchor", anchor, code=26)


def test_a_public_key_may_come_from_elsewhere(ledger: Path, tmp_path: Path) -> None:
    key = tmp_path / "trusted.pem"
    key.write_bytes((ledger / "ledger-public.pem").read_bytes())

    leeward("verify", str(ledger), "--public-key", str(key), "--every-signature")


def test_a_malformed_anchor_is_refused(ledger: Path) -> None:
    assert "position:mac" in leeward("verify", str(ledger), "--anchor", "x", code=15)


def test_no_ledger_is_one_line(tmp_path: Path) -> None:
    output = leeward("verify", str(tmp_path / "absent"), code=16)

    assert output.startswith("error: ")
    assert len(output.splitlines()) == 1


def test_show_says_where_and_how_much(ledger: Path) -> None:
    output = leeward("show", str(ledger), "--last", "2")

    assert "r-2 far gannet-m" in output
    assert "{person} -> {}" in output
    assert "redact {person} x2" in output
    assert "r-1" not in output


def test_the_receipt_of_a_request_holds_its_passages_only(ledger: Path) -> None:
    entries = json.loads(leeward("receipt", str(ledger), "r-1", "--json"))["entries"]

    assert [entry["kind"] for entry in entries] == ["content", "outcome"]
    assert entries[0]["record"]["request"] == "r-1"


def test_a_request_that_sent_nothing_is_not_found(ledger: Path) -> None:
    assert 'nothing of request "r-9"' in leeward("receipt", str(ledger), "r-9", code=16)


def test_export_gives_the_stored_lines(ledger: Path) -> None:
    stored = next(ledger.glob("*.jsonl")).read_text()

    assert leeward("export", str(ledger)) == stored
    assert leeward("export", str(ledger), "--first", "3") == "".join(
        stored.splitlines(keepends=True)[3:]
    )
    assert len(json.loads(leeward("export", str(ledger), "--json"))["entries"]) == 5
