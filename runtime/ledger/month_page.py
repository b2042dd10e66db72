"""One month of a ledger as one HTML page for an auditor: self-contained, without scripts.

Writes what was counted (``month``) and what a check found (``verify``); decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final

from runtime.ledger.month import MonthCount, Traffic
from runtime.ledger.month_charts import bars, days_chart, shade_of
from runtime.ledger.verify import VerifyReport

__all__ = ["month_page"]

_STYLE: Final = """
:root{--ink:#1b2330;--soft:#5a6577;--line:#d9dfe8;--panel:#f6f8fb;--good:#177245;--bad:#b3261e}
*{box-sizing:border-box}
body{margin:0 auto;max-width:960px;padding:28px 22px 60px;color:var(--ink);background:#fff;
font:15px/1.5 system-ui,sans-serif}
h1{font-size:24px;margin:0}h2{font-size:17px;margin:32px 0 6px;break-after:avoid}
p{margin:6px 0}.soft{color:var(--soft)}
.verdict{border-left:5px solid var(--good);background:var(--panel);padding:10px 14px;margin:18px 0}
.verdict.bad{border-color:var(--bad)}.verdict b{color:var(--good)}.verdict.bad b{color:var(--bad)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:10px;margin:16px 0}
.card{background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:9px 12px}
.card b{display:block;font-size:20px;font-variant-numeric:tabular-nums}
.card span{color:var(--soft);font-size:13px}
figure{margin:8px 0 0;break-inside:avoid}figcaption{font-size:13px;color:var(--soft)}
svg{width:100%;height:auto;display:block}
svg text{font:12px system-ui,sans-serif;fill:var(--soft)}svg text.name{fill:var(--ink)}
.grid{stroke:var(--line)}.axis{stroke:var(--soft)}.quiet{fill:#eef1f5}
.s0{fill:#1f6feb;background:#1f6feb}.s1{fill:#e08a00;background:#e08a00}
.s2{fill:#177245;background:#177245}.s3{fill:#7a4fbf;background:#7a4fbf}
.s4{fill:#8893a5;background:#8893a5}
.key{display:inline-block;width:10px;height:10px;margin:0 5px 0 12px}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:14px;width:100%}
th,td{padding:5px 18px 5px 0;text-align:left;border-bottom:1px solid var(--line)}
th{font-weight:600}.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td{overflow-wrap:anywhere}code{font:12px ui-monospace,monospace}
@media print{body{padding:0;max-width:none}}
"""
_PARTS: Final = ("removed before it left", "let pass by a person or a rule", "left as it is")
_LEFT_IN_PLACE: Final = frozenset({"approval", "model_written"})
_RELEASE_NAMES: Final = {
    "": "none: nothing above the destination's clearance was in it",
    "redact": "redact: replaced by placeholders",
    "generalise": "generalise: replaced by something coarser",
    "sketch": "sketch: an abstract went instead",
    "approval": "approval: a person let it pass",
    "model_written": "model_written: a model had read labelled data",
    "decision_bit": "decision_bit: whether it was sent depended on labelled data",
}


def month_page(
    count: MonthCount, report: VerifyReport, *, device: str, made_at: datetime, stopped: str = ""
) -> str:
    """Return the page.

    Args:
        count: The month.
        report: What a check of the whole ledger found.
        device: How the heading calls the ledger's owner.
        made_at: When the page is made.
        stopped: Why reading ended before the ledger did; empty when it was read whole.
    """
    title = f"What left {device} in {count.month}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        _introduction(made_at),
        _verdict(count, report, stopped),
        _cards(count),
        _by_day(count),
        _section("By destination", _traffic_table("destination", _destinations(count))),
        _section("By model", _traffic_table("model", _named(count.by_model))),
        _section("By graph", _traffic_table("graph", _named(count.by_graph))),
        _categories(count),
        _releases(count),
        _approvals(count),
        _policies(count),
        _ends(count),
        _control(count),
        _gaps(count, report, stopped),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\';'
        " style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>\n"
    )


def _introduction(made_at: datetime) -> str:
    return (
        f'<p class="soft">Made {_time(made_at)} from the ledger of the device. It records where'
        " content went, under which labels, after which releases, and how many bytes; never what"
        " it said. Times are UTC.</p>"
    )


_SIGNATURES: Final = {
    "all": "every one",
    "pivotal": "the last and those of changed keys, on which the others rest",
}


def _verdict(count: MonthCount, report: VerifyReport, stopped: str) -> str:
    anchor = (
        f"It contains position {report.anchor.position}, which the gateway has seen, so nothing"
        " before that was cut off at the end."
        if report.anchor is not None
        else "No anchor was given: entries cut off at the very end would not show."
    )
    macs = "MACs checked" if report.mac_checked else "MACs not checked (no secret at hand)"
    head = (
        f" Its head is position {report.head.position}, hash <code>{report.head.hash.hex()}</code>."
        if report.head is not None
        else ""
    )
    signatures = _SIGNATURES.get(report.signatures, escape(report.signatures))
    checked = f"Signatures checked: {signatures}; {macs}. {anchor}{head}"
    if report.is_intact and not stopped:
        return (
            f'<div class="verdict"><b>The ledger is intact:</b> {report.entries:,} entries, each'
            f" linked to the one before. {checked}</div>"
        )
    reasons = "".join(
        f"<li>{escape(problem.segment)}:{problem.line}: {escape(problem.reason)}</li>"
        for problem in report.problems
    )
    if stopped:
        reasons += f"<li>reading ended after position {count.last_position}: {escape(stopped)}</li>"
    return (
        '<div class="verdict bad"><b>The ledger is not intact.</b> Do not rely on the figures'
        f" below.<ul>{reasons}</ul>{checked}</div>"
    )


def _cards(count: MonthCount) -> str:
    total = count.total
    pairs = (
        (f"{len(count.requests):,}", "requests of which something left"),
        (f"{total.calls:,}", "calls that left"),
        (_bytes(total.sent_bytes), "sent"),
        (_bytes(total.received_bytes), "received"),
        (f"{sum(count.spans.values()):,}", "spans replaced"),
        (f"{sum(n for (s, _), n in count.approvals.items() if s == 'approved'):,}", "approvals"),
    )
    cards = (f'<div class="card"><b>{value}</b><span>{name}</span></div>' for value, name in pairs)
    return f'<div class="cards">{"".join(cards)}</div>'


def _by_day(count: MonthCount) -> str:
    names = sorted({name for day in count.by_day.values() for name in day})
    quiet = frozenset(count.quiet_days)
    keys = "".join(
        f'<i class="key {shade_of(shade)}"></i>{escape(name)}' for shade, name in enumerate(names)
    )
    charts = []
    for what, title in (("calls", "calls per day"), ("sent_bytes", "bytes sent per day")):
        values = {
            day: {name: int(getattr(traffic, what)) for name, traffic in by_name.items()}
            for day, by_name in count.by_day.items()
        }
        drawn = days_chart(count.month.days, values, names, title=title, quiet=quiet)
        charts.append(
            f"<figure>{drawn}<figcaption>{title}{keys}; grey: no entries</figcaption></figure>"
        )
    return _section("By day", "".join(charts))


def _destinations(count: MonthCount) -> list[tuple[str, Traffic]]:
    return sorted(
        (f"{place.node} ({place.address})", traffic)
        for place, traffic in count.by_destination.items()
    )


def _named(traffic: Mapping[str, Traffic]) -> list[tuple[str, Traffic]]:
    return sorted(traffic.items())


def _traffic_table(what: str, rows: Sequence[tuple[str, Traffic]]) -> str:
    return _table(
        (what, "calls", "sent", "received", "failed"),
        [
            (name, t.calls, _bytes(t.sent_bytes), _bytes(t.received_bytes), t.failed)
            for name, t in rows
        ],
    )


def _categories(count: MonthCount) -> str:
    rows = []
    for name, found in sorted(count.categories.items()):
        passed = max(found.released[kind] for kind in _LEFT_IN_PLACE)
        as_it_is = max(0, found.left - passed)
        rows.append((name, (max(0, found.present - passed - as_it_is), passed, as_it_is)))
    if not rows:
        return _section("By category", _nothing())
    keys = "".join(
        f'<i class="key {shade_of(shade)}"></i>{part}' for shade, part in enumerate(_PARTS)
    )
    drawn = bars(rows, _PARTS, title="calls by category of content")
    table = _table(
        ("category of content", "calls that held it", *_PARTS),
        [(name, sum(amounts), *amounts) for name, amounts in rows],
    )
    return _section(
        "By category of content",
        f"<figure>{drawn}<figcaption>calls{keys}</figcaption></figure>{table}",
    )


def _releases(count: MonthCount) -> str:
    rows = [
        (_RELEASE_NAMES.get(kind, kind), calls, count.spans[kind])
        for kind, calls in sorted(count.releases.items())
    ]
    return _section("By release", _table(("release", "calls", "spans replaced"), rows))


def _approvals(count: MonthCount) -> str:
    rows = [
        (status, approver or "-", number)
        for (status, approver), number in sorted(count.approvals.items())
    ]
    return _section("Approvals", _table(("what became of it", "by", "times"), rows))


def _policies(count: MonthCount) -> str:
    rows = [
        (digest, _time(span.first_at), _time(span.last_at), span.traffic.calls)
        for digest, span in sorted(count.by_policy.items(), key=lambda item: item[1].first_at)
    ]
    return _section(
        "By version of the policy",
        _table(("hash of the policy", "first call", "last", "calls"), rows),
    )


def _ends(count: MonthCount) -> str:
    rows = sorted(count.statuses.items(), key=lambda item: (-item[1], item[0]))
    return _section("How calls ended", _table(("end", "calls"), rows))


def _control(count: MonthCount) -> str:
    rows = [
        (f"{purpose} to {place.address}", t.calls, _bytes(t.sent_bytes), _bytes(t.received_bytes))
        for (purpose, place), t in sorted(
            count.control.items(), key=lambda item: (item[0][0], item[0][1].address)
        )
    ]
    note = '<p class="soft">Traffic with fixed forms and no free text: counted, never content.</p>'
    return _section("Other traffic", note + _table(("purpose", "times", "sent", "received"), rows))


def _runs(days: Sequence[int]) -> str:
    """Return days of a month, which are in order, with those in a row as ``3 to 7``."""
    begins = [day for day in days if day - 1 not in days]
    ends = [day for day in days if day + 1 not in days]
    runs = zip(begins, ends, strict=True)
    return ", ".join(f"{one} to {two}" if two > one else str(one) for one, two in runs)


def _gaps(count: MonthCount, report: VerifyReport, stopped: str) -> str:
    quiet = count.quiet_days
    lines = [
        _entries_line(count),
        f"Days without any entry (the daemon did not run, or had nothing to send): {len(quiet)}"
        + (f" ({_runs([day.day for day in quiet])})" if quiet else ""),
        f"Starts of the daemon: {len(count.starts)}"
        + (f", the last {_time(count.starts[-1])}" if count.starts else ""),
        f"Calls whose end no entry tells (a stop or crash in between): {count.total.open}",
    ]
    lines += [
        f"{_time(at)}: an unfinished entry of {size} bytes was cut off after a crash; nothing"
        " acknowledged was lost"
        for at, size in count.recoveries
    ]
    lines += [
        f"{_time(at)}: entries are signed with key {key} from here" for at, key in count.key_changes
    ]
    if report.problems or stopped:
        lines.append("Missing or altered entries: see the top of the page.")
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return _section("Gaps and changes", f"<ul>{items}</ul>")


def _entries_line(count: MonthCount) -> str:
    if count.first_position is None:
        return "The ledger has no entry of this month."
    positions = f"positions {count.first_position} to {count.last_position}"
    return f"Entries of this month: {count.entries:,}, {positions}"


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    listed = list(rows)
    if not listed:
        return _nothing()
    head = "".join(
        f"<th{_class(value)}>{escape(name)}</th>"
        for name, value in zip(headings, listed[0], strict=True)
    )
    body = "".join(
        "<tr>" + "".join(f"<td{_class(value)}>{_cell(value)}</td>" for value in row) + "</tr>"
        for row in listed
    )
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'


def _class(value: object) -> str:
    return ' class="n"' if isinstance(value, (int, _Bytes)) else ""


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else escape(str(value))


class _Bytes(str):
    """A number of bytes as people read it; aligned like a number."""

    __slots__ = ()


def _bytes(amount: int) -> _Bytes:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if amount >= size:
            return _Bytes(f"{amount / size:,.1f} {unit}")
    return _Bytes(f"{amount} B")


def _nothing() -> str:
    return '<p class="soft">none</p>'


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
