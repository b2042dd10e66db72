"""A month of a ledger: what is counted, and the page that says so."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from runtime.cli.main import app
from runtime.errors import RequestInvalid
from runtime.ids import Category, NodeName, RequestId
from runtime.labels import Label
from runtime.ledger.month import Month, count_month, parse_month
from runtime.ledger.month_page import month_page
from runtime.ledger.read import read_entries
from runtime.ledger.record import (
    ApprovalNote,
    ApprovalStatus,
    ContentPassage,
    ControlPassage,
    ControlPurpose,
    Destination,
    Outcome,
    Record,
)
from runtime.ledger.verify import verify_ledger
from runtime.ledger.writer import LedgerWriter
from runtime.ports import ReleaseRecord

NOVEMBER = Month(2026, 11)
CLOUD = Destination(NodeName("cloud"), "gateway.example:7443")
OTHER = Destination(NodeName("cloud-b"), "other.example:7443")
APPROVED = ReleaseRecord("approval", (Category("health"),), approver="dr.may")


class DayClock:
    """Stands where it was put."""

    def __init__(self) -> None:
        self.at = datetime(2026, 10, 31, 23, 50, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        return 0.0


async def write(directory: Path, *items: timedelta | Record) -> None:
    """Append records; a time between them moves the clock on."""
    clock = DayClock()
    async with LedgerWriter.open(directory, clock=clock) as writer:
        for item in items:
            if isinstance(item, timedelta):
                clock.at += item
            else:
                await writer.append(item)


@pytest.fixture
def ledger(tmp_path: Path, passage: Callable[[str], ContentPassage]) -> Path:
    """Positions: 1 left in October and ended in November, 11 ended in December, 12 never."""
    day = timedelta(days=1)
    health = replace(
        passage("r3"),
        destination=OTHER,
        label_before=Label.of("health", "person"),
        label=Label.of("health"),
        releases=(*passage("r3").releases, APPROVED),
        policy_hash="cd34",
    )
    plain = replace(passage("r4"), label_before=Label(), releases=(), payload_bytes=2_000_000)
    note = ApprovalNote("a1", RequestId("r3"), NodeName("cloud-b"), Label.of("health"),
                        ApprovalStatus.APPROVED, "dr.may")  # fmt: skip
    control = ControlPassage(CLOUD, ControlPurpose.HEALTH, 10, 20)
    directory = tmp_path / "ledger"
    asyncio.run(
        write(
            directory,
            passage("r1"),
            day,
            Outcome(of=1, status="stop", received_bytes=9),
            passage("r2"),
            Outcome(of=3, status="UpstreamUnavailable"),
            4 * day,
            note,
            health,
            Outcome(of=6, status="stop", received_bytes=50),
            control,
            plain,
            Outcome(of=9, status="ok", received_bytes=5),
            24 * day,
            passage("r2"),
            passage("r5"),
            day + timedelta(hours=1),
            Outcome(of=11, status="stop", received_bytes=7),
        )
    )
    return directory


def page_of(ledger: Path) -> str:
    count = count_month(read_entries(ledger), NOVEMBER)
    at = datetime(2026, 12, 1, tzinfo=UTC)
    return month_page(count, verify_ledger(ledger), device="ward-3", made_at=at)


def test_a_month_counts_what_left_in_it_and_nothing_else(ledger: Path) -> None:
    count = count_month(read_entries(ledger), NOVEMBER)

    assert count.requests == {"r2", "r3", "r4", "r5"}
    assert (count.total.calls, count.total.failed, count.total.open) == (5, 1, 1)
    assert count.total.sent_bytes == 4 * 100 + 2_000_000
    assert count.total.received_bytes == 50 + 5 + 7
    assert {place.node: t.calls for place, t in count.by_destination.items()} == {
        "cloud": 4,
        "cloud-b": 1,
    }
    assert {digest: span.traffic.calls for digest, span in count.by_policy.items()} == {
        "ab12": 4,
        "cd34": 1,
    }
    assert count.releases == {"redact": 4, "approval": 1, "": 1}
    assert count.spans == {"redact": 8, "approval": 0}
    assert count.approvals == {("approved", "dr.may"): 1}
    assert [(p.present, p.left) for _, p in sorted(count.categories.items())] == [(1, 1), (4, 0)]
    assert sum(t.calls for t in count.control.values()) == 1
    assert count.first_position == 2
    assert len(count.quiet_days) == 30 - 3
    assert date(2026, 11, 5) not in count.quiet_days


def test_all_months_together_count_every_entry_once(ledger: Path) -> None:
    entries = list(read_entries(ledger))

    counts = [count_month(entries, Month(2026, month)) for month in (10, 11, 12)]

    assert sum(count.entries for count in counts) == len(entries)


class Checker(HTMLParser):
    """Remembers what could load something, and whether tags are closed in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "img", "iframe", "object") or any(
            name in ("src", "href", "style") or name.startswith("on") for name, _ in attrs
        ):
            self.loads.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_whole_loads_nothing_and_says_what_was_counted(ledger: Path) -> None:
    page = page_of(ledger)
    checker = Checker()
    checker.feed(page)

    assert checker.open == []
    assert checker.loads == []
    assert "url(" not in page
    for said in (
        "What left ward-3 in 2026-11",
        "The ledger is intact:",
        "Signatures checked: the last and those of changed keys",
        "No anchor was given",
        "cloud-b (other.example:7443)",
        "approval: a person let it pass",
        "dr.may",
        "UpstreamUnavailable",
        "2.0 MB",
        "health to gateway.example:7443",
        "had nothing to send): 27 (2 to 4, 6 to 28, 30)",
    ):
        assert said in checker.text
    assert page.count("<svg") == 3


def test_names_are_text_and_no_markup(ledger: Path) -> None:
    count = count_month(read_entries(ledger), NOVEMBER)
    at = datetime(2026, 12, 1, tzinfo=UTC)

    page = month_page(count, verify_ledger(ledger), device="<script>x</script>", made_at=at)

    assert "<script" not in page


def report(ledger: Path, out: Path, *options: str, code: int = 0) -> str:
    arguments = ["ledger", "report", str(ledger), "--out", str(out), *options]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == code, result.output
    return result.output


def test_the_command_writes_the_page_and_an_anchor_shows_on_it(
    ledger: Path, tmp_path: Path
) -> None:
    out = tmp_path / "report.html"
    head = verify_ledger(ledger).head
    assert head is not None
    anchor = f"{head.position}:{head.mac.hex()}"

    said = report(ledger, out, "--month", "2026-11", "--anchor", anchor)

    assert "5 calls left; intact" in said
    assert f"It contains position {head.position}" in out.read_text()
    assert '"calls": 1' in report(ledger, out, "--month", "2026-10", "--json")


def test_an_altered_ledger_is_reported_as_such_on_the_page_and_by_the_exit_code(
    ledger: Path, tmp_path: Path
) -> None:
    out = tmp_path / "report.html"
    segment = next(ledger.glob("*.jsonl"))
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join([*lines[:3], lines[3].replace(b"cloud", b"clowd"), *lines[4:]]))

    report(ledger, out, "--month", "2026-11", code=26)

    page = out.read_text()
    assert "The ledger is not intact." in page
    assert "Do not rely on the figures" in page
    assert "The ledger is intact" not in page


def test_what_was_asked_and_approved_is_in_the_tables_of_entries_and_of_a_request(
    ledger: Path,
) -> None:
    for arguments in (["show", str(ledger), "--last", "99"], ["receipt", str(ledger), "r3"]):
        output = CliRunner().invoke(app, ["ledger", *arguments]).output

        assert "r3 approved by dr.may" in " ".join(output.split())
        assert "{health} by dr.may" in " ".join(output.split())


def test_a_month_without_entries_and_no_month_at_all(ledger: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"

    assert "0 calls left" in report(ledger, out, "--month", "2026-02")
    assert "no entry of this month" in out.read_text()
    assert len(re.findall('class="quiet"', out.read_text())) == 28 * 2
    for text in ("2026-13", "2026", "0000-01", "november"):
        with pytest.raises(RequestInvalid, match="such as 2026-11"):
            parse_month(text)
    report(ledger, tmp_path / "no" / "x.html", "--month", "2026-11", code=15)
