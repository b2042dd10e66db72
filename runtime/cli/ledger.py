"""``leeward ledger``: verify, show, export, receipt, report.

Works from the ledger's files alone; needs no daemon.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from runtime.cli.exit_codes import exit_code_of
from runtime.cli.ledger_options import (
    AnchorKeyOption,
    AnchorOption,
    LedgerPath,
    PublicKeyOption,
    read_anchor,
)
from runtime.cli.ledger_report import report_month
from runtime.cli.output import JsonOption, diagnose, make_table, run_command, show
from runtime.errors import LedgerCorrupt, NotFound
from runtime.ids import RequestId
from runtime.ledger.entry import Entry
from runtime.ledger.keys import load_public_key
from runtime.ledger.read import entries_of_request, read_entries
from runtime.ledger.record import (
    ApprovalNote,
    ContentPassage,
    ControlPassage,
    Outcome,
    record_to_fields,
)
from runtime.ledger.verify import VerifyReport, verify_ledger

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Prove and show what left this edge.")

app.command("report")(report_month)


@app.command()
def verify(
    path: LedgerPath,
    *,
    public_key: PublicKeyOption = None,
    anchor: AnchorOption = "",
    anchor_key: AnchorKeyOption = None,
    every_signature: Annotated[
        bool, typer.Option("--every-signature", help="Check each one; about five times slower.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the whole ledger; an altered, reordered or cut one exits with code 26."""

    def work() -> None:
        report = verify_ledger(
            path,
            public_key=None if public_key is None else load_public_key(public_key),
            anchor=read_anchor(anchor, anchor_key),
            every_signature=every_signature,
        )
        if as_json or report.is_intact:
            show(_report_data(report), *_report_lines(path, report), as_json=as_json)
        if report.is_intact:
            return
        first, more = report.problems[0], len(report.problems) - 1
        for problem in () if as_json else report.problems:
            diagnose(f"{problem.segment}:{problem.line}: {problem.reason}")
        tail = f" (and {more} more)" if more else ""
        fault = LedgerCorrupt(f"{path}: the ledger is not intact: {first.reason}{tail}")
        if as_json:  # the report has said it; one JSON object is enough
            raise typer.Exit(exit_code_of(fault))
        raise fault

    run_command(work, as_json=as_json)


@app.command("show")
def show_entries(
    path: LedgerPath,
    *,
    last: Annotated[int, typer.Option(min=1, help="How many of the newest entries.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show the newest entries; they say where something went and how much, never what."""

    def work() -> None:
        entries = list(deque(read_entries(path), maxlen=last))
        show({"entries": [_entry_data(e) for e in entries]}, _table(entries), as_json=as_json)

    run_command(work, as_json=as_json)


@app.command()
def receipt(
    path: LedgerPath,
    request: Annotated[str, typer.Argument(help="The request's id, from its receipt.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Show what the ledger holds about one request."""

    def work() -> None:
        entries = entries_of_request(path, RequestId(request))
        if not entries:
            raise NotFound(f'nothing of request "{request}" left this edge, as far as {path} knows')
        show({"entries": [_entry_data(e) for e in entries]}, _table(entries), as_json=as_json)

    run_command(work, as_json=as_json)


@app.command()
def export(
    path: LedgerPath,
    *,
    first: Annotated[int, typer.Option(min=0, help="Position to begin at.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Print the entries as they are stored, one JSON object a line; `--json` makes one array."""

    def work() -> None:
        entries = read_entries(path, first_position=first)
        if as_json:
            show({"entries": [json.loads(entry.line) for entry in entries]}, as_json=True)
            return
        for entry in entries:
            typer.echo(entry.line.decode("ascii"))

    run_command(work, as_json=as_json)


def _report_data(report: VerifyReport) -> dict[str, Any]:
    head = report.head
    torn = report.torn_tail
    return {
        "intact": report.is_intact,
        "entries": report.entries,
        "by_kind": {kind.value: count for kind, count in report.by_kind.items()},
        "head": head
        and {"position": head.position, "hash": head.hash.hex(), "mac": head.mac.hex()},
        "torn_tail": torn and {"segment": torn.segment, "dropped_bytes": torn.dropped_bytes},
        "recoveries": report.recoveries,
        "mac_checked": report.mac_checked,
        "signatures": report.signatures,
        "anchored": report.anchor is not None,
        "problems": [
            {
                "reason": problem.reason,
                "position": problem.position,
                "segment": problem.segment,
                "line": problem.line,
            }
            for problem in report.problems
        ],
    }


def _report_lines(path: Path, report: VerifyReport) -> list[str]:
    kinds = ", ".join(f"{count} {kind.value}" for kind, count in report.by_kind.items())
    lines = [f"{path}: intact, {report.entries} entries ({kinds})"]
    if report.head is not None:
        at = report.head.at.isoformat(timespec="seconds")
        head = f"{report.head.position}:{report.head.mac.hex()}"
        lines.append(f"head {head}, written {at}")
    macs = "MACs checked" if report.mac_checked else "MACs not checked (no secret here)"
    lines.append(f"signatures checked: {report.signatures}; {macs}")
    if report.torn_tail is not None:
        torn = report.torn_tail
        lines.append(
            f"a crash left {torn.dropped_bytes} bytes of an unfinished entry in {torn.segment}; "
            "nothing acknowledged is lost, the next start cuts them off"
        )
    if report.recoveries:
        lines.append(f"{report.recoveries} unfinished entries of earlier crashes were cut off")
    if report.anchor is not None:
        lines.append(f"holds entry {report.anchor.position}, which the gateway has seen")
    else:
        lines.append("no --anchor given: entries cut off at the end would not show")
    return lines


def _table(entries: Iterable[Entry]) -> Any:
    headings = ("#", "at", "kind", "to", "what", "label", "releases", "bytes")
    return make_table(headings, [_row(entry) for entry in entries])


def _row(entry: Entry) -> tuple[object, ...]:
    start = (entry.position, entry.at.isoformat(timespec="milliseconds"), entry.kind.value)
    match entry.record:
        case ContentPassage() as passage:
            releases = ", ".join(
                f"{release.by} {{{', '.join(release.categories)}}} "
                + (f"by {release.approver}" if release.approver else f"x{release.spans}")
                for release in passage.releases
            )
            what = f"{passage.request_id} {passage.step_id} {passage.model}"
            to = f"{passage.destination.node} {passage.destination.address}"
            label = f"{passage.label_before} -> {passage.label}"
            return (*start, to, what, label, releases or "-", passage.payload_bytes)
        case ApprovalNote() as note:
            by = f" by {note.approver}" if note.approver else ""
            what = f"{note.request_id} {note.status.value}{by}"
            return (*start, note.node, what, note.categories, "approval", "")
        case Outcome() as outcome:
            what = f"of #{outcome.of}: {outcome.status}"
            return (*start, "", what, "", "", outcome.received_bytes)
        case ControlPassage() as control:
            to = f"{control.destination.node} {control.destination.address}"
            what = f"{control.purpose.value}: {control.status}"
            return (*start, to, what, "", "", control.sent_bytes)
        case other:
            fields = record_to_fields(other)
            return (*start, "", ", ".join(f"{k} {v}" for k, v in fields.items()), "", "", "")


def _entry_data(entry: Entry) -> dict[str, Any]:
    return {
        "position": entry.position,
        "at": entry.at.isoformat(),
        "kind": entry.kind.value,
        "record": record_to_fields(entry.record),
        "hash": entry.hash.hex(),
        "key_id": entry.key_id,
    }
