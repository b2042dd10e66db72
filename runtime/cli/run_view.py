"""Show a run to a person: what was changed, every step, and the receipt.

Knows events and the terminal; knows nothing of how the run came about.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from runtime.executor.events import (
    AnswerFinished,
    Event,
    Receipt,
    RunFinished,
    RunPlanned,
    StepFellBack,
    StepSkipped,
)
from runtime.planner.model import Repair

__all__ = ["RunOutcome", "show_changes", "show_receipt", "show_repairs"]

_MOST_POSITIONS: Final = 3
"""More would push the other columns out of a terminal; the receipt has them all."""


@dataclass(slots=True)
class RunOutcome:
    """What a run's events come to; feed it each one."""

    answer: AnswerFinished | None = None
    receipt: Receipt | None = None
    repairs: tuple[Repair, ...] = ()
    skipped: list[str] = field(default_factory=list)
    fell_back: list[StepFellBack] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Account for one event."""
        match event:
            case RunPlanned(plan):
                self.repairs = plan.repairs
            case StepSkipped(step):
                self.skipped.append(step)
            case StepFellBack():
                self.fell_back.append(event)
            case AnswerFinished():
                self.answer = event
            case RunFinished(receipt):
                self.receipt = receipt
            case _:
                pass


def show_changes(console: Console, outcome: RunOutcome) -> None:
    """Print what planner and executor changed, and why, one line each."""
    show_repairs(
        console, [(repair.step, repair.change, repair.reason) for repair in outcome.repairs]
    )
    for event in outcome.fell_back:
        _note(console, "fallback", f"{event.step}: {event.error}, so {event.model} on {event.node}")
    for step in outcome.skipped:
        _note(console, "skipped", f"{step}: no edge into it fired")


def show_repairs(console: Console, repairs: Iterable[tuple[str, str, str]]) -> None:
    """Print the planner's repairs: step, change and reason of each."""
    for step, change, reason in repairs:
        _note(console, "plan", f"{step}: {change.replace('_', ' ')} ({reason})")


def show_receipt(console: Console, receipt: Mapping[str, Any]) -> None:
    """Print every step as a table, and the receipt's totals under it.

    Args:
        console: Where to.
        receipt: Plain data, as ``runtime.executor.plain`` makes it and HTTP answers carry it.
    """
    # Narrow on purpose: 80 columns show everything of a step with one category.
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("  step", "node", "model"):
        table.add_column(heading, no_wrap=True)
    table.add_column("reads")
    for heading in ("tokens", "ms", "cost", "ledger"):
        table.add_column(heading, justify="right", no_wrap=True)
    for step in receipt["steps"]:
        table.add_row(*_cells(step))
    console.print(table)
    for name, text in _totals(receipt):
        _note(console, name, text)


def _cells(step: Mapping[str, Any]) -> Iterator[str | Text]:
    usage = step["usage"]
    calls = f" x{step['calls']}" if step["calls"] > 1 else ""
    yield f"  {step['step']}{calls}"
    yield Text(step["node"], style="cyan" if step["zone"] == "cloud" else "green")
    yield f"by {step['person']}" if step.get("person") else step["model"]
    yield f"{step['form']} {_label(step['label'])}"
    estimated = "~" if usage["estimated"] else ""
    yield f"{estimated}{usage['prompt_tokens']}+{usage['completion_tokens']}"
    yield f"{step['first_token_s'] * 1000:.0f}/{step['latency_s'] * 1000:.0f}"
    yield _cost(usage["cost_usd"])
    yield _positions(step["ledger_positions"])


def _positions(positions: Sequence[int]) -> str:
    if len(positions) > _MOST_POSITIONS:
        return f"#{positions[0]} to #{positions[-1]}"
    return ", ".join(f"#{position}" for position in positions) or "-"


def _totals(receipt: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for step in receipt["steps"]:
        if drafted := step.get("drafted"):
            kept = f"{drafted['kept_tokens']} of {drafted['written_tokens']} tokens"
            yield "drafted", f"{step['step']}: {kept} of {drafted['model']} are in the answer"
    if receipt["releases"]:
        yield "released", ", ".join(_release(record) for record in receipt["releases"])
    left = "content left the edge" if receipt["left_the_edge"] else "nothing left the edge"
    usage = receipt["usage"]
    tokens = f"{usage['prompt_tokens']}+{usage['completion_tokens']} tokens"
    total = f"{receipt['latency_s'] * 1000:.0f} ms, {_cost(receipt['cost_usd'])}"
    request = f"{receipt['request_id'][:12]}, request {_label(receipt['label'])}"
    yield "receipt", f"{request}, {left}, {tokens}, {total}"


def _release(record: Mapping[str, Any]) -> str:
    what = f"{record['by']} {_label(record['categories'])}"
    if record.get("approver"):
        return f"{what} by {record['approver']}"
    spans = "span" if record["spans"] == 1 else "spans"
    return f"{what}, {record['spans']} {spans}"


def _label(categories: Sequence[str]) -> str:
    return "{" + ", ".join(categories) + "}"


def _cost(usd: float) -> str:
    """Write a cost in millionths of a dollar, which is what one call of a small model costs."""
    return f"{usd * 1e6:.1f} u$" if usd else "-"


def _note(console: Console, kind: str, text: str) -> None:
    console.print(Text.assemble((f"  {kind:<10}", "dim"), text), soft_wrap=True)
