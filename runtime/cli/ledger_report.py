"""``leeward ledger report``: one month of the ledger as a page for an auditor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from runtime.cli.exit_codes import exit_code_of
from runtime.cli.ledger_options import (
    AnchorKeyOption,
    AnchorOption,
    LedgerPath,
    PublicKeyOption,
    read_anchor,
)
from runtime.cli.output import JsonOption, diagnose, run_command, show
from runtime.clock import SystemClock
from runtime.errors import LedgerCorrupt, RequestInvalid
from runtime.ledger.entry import Entry
from runtime.ledger.keys import load_public_key
from runtime.ledger.month import count_month, parse_month
from runtime.ledger.month_page import month_page
from runtime.ledger.read import read_entries
from runtime.ledger.verify import verify_ledger

__all__ = ["report_month"]


def report_month(
    path: LedgerPath,
    *,
    month: Annotated[str, typer.Option(help="Which month (UTC), as in 2026-11.")],
    out: Annotated[Path, typer.Option(help="The HTML file to write.")],
    device: Annotated[str, typer.Option(help="What the page calls the device.")] = "this device",
    public_key: PublicKeyOption = None,
    anchor: AnchorOption = "",
    anchor_key: AnchorKeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write what left in a month: by day, destination, category, release and policy.

    The page says whether the ledger is intact; one that is not exits with code 26, too.
    """

    def work() -> None:
        chosen = parse_month(month)
        report = verify_ledger(
            path,
            public_key=None if public_key is None else load_public_key(public_key),
            anchor=read_anchor(anchor, anchor_key),
        )
        entries = _Readable(path)
        count = count_month(entries, chosen)
        page = month_page(
            count, report, device=device, made_at=SystemClock().now(), stopped=entries.stopped
        )
        try:
            out.write_text(page, "utf-8")
        except OSError as error:
            raise RequestInvalid(f"{out} cannot be written: {error.strerror}") from None
        is_intact = report.is_intact and not entries.stopped
        data = {
            "month": str(chosen),
            "out": str(out),
            "intact": is_intact,
            "anchored": report.anchor is not None,
            "entries": count.entries,
            "requests": len(count.requests),
            "calls": count.total.calls,
            "sent_bytes": count.total.sent_bytes,
            "received_bytes": count.total.received_bytes,
        }
        state = "intact" if is_intact else "NOT intact"
        show(data, f"{out}: {chosen}, {count.total.calls} calls left; {state}", as_json=as_json)
        if not is_intact:
            reason = report.problems[0].reason if report.problems else entries.stopped
            diagnose(f"{path}: the ledger is not intact: {reason}")
            raise typer.Exit(exit_code_of(LedgerCorrupt(reason)))

    run_command(work, as_json=as_json)


class _Readable:
    """The entries of a ledger as far as they can be read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.stopped = ""
        """Why the reading ended early."""

    def __iter__(self) -> Iterator[Entry]:
        try:
            yield from read_entries(self._path)
        except LedgerCorrupt as error:
            self.stopped = str(error)
