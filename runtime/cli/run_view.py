"""Show a run to a person: its answer, every step, and the receipt.

Knows events and the terminal; knows nothing of how the run came about.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from runtime.executor.events import (
    AnswerFinished,
    Event,
    Receipt,
    ReceiptStep,
    RunFinished,
    RunPlanned,
    StepFellBack,
    StepSkipped,
)
from runtime.planner.model import Repair
from runtime.ports import ReleaseRecord

__all__ = ["RunOutcome", "show_receipt", "show_repairs"]


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


def show_repairs(console: Console, outcome: RunOutcome) -> None:
    """Print what planner and executor changed, one line each."""
    for repair in outcome.repairs:
        words = repair.change.replace("_", " ")
        console.print(
            f"  [dim]plan[/]     {repair.step}: {words} ({repair.reason})", highlight=False
        )
    for event in outcome.fell_back:
        where = f"{event.model} on {event.node}"
        console.print(f"  [dim]fallback[/] {event.step}: {event.error}, then {where}")
    for step in outcome.skipped:
        console.print(f"  [dim]skipped[/]  {step}: no edge into it fired")


def show_receipt(console: Console, receipt: Receipt) -> None:
    """Print every step as a table, and the receipt's totals under it."""
    console.print(Group(_steps_table(receipt.steps), _totals(receipt)))


def _steps_table(steps: Sequence[ReceiptStep]) -> RenderableType:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("  step", "node", "model", "reads", "label", "releases"):
        table.add_column(heading, no_wrap=heading != "releases")
    for heading in ("tokens", "first", "total", "cost", "ledger"):
        table.add_column(heading, justify="right", no_wrap=True)
    for step in steps:
        style = "cyan" if step.zone == "cloud" else "green"
        calls = f" x{step.calls}" if step.calls > 1 else ""
        estimated = "~" if step.usage.estimated else ""
        table.add_row(
            f"  {step.step}{calls}",
            Text(step.node, style=style),
            step.model,
            step.form.value,
            str(step.label),
            _releases(step.releases),
            f"{estimated}{step.usage.prompt_tokens}+{step.usage.completion_tokens}",
            f"{step.first_token_s * 1000:.0f} ms",
            f"{step.latency_s * 1000:.0f} ms",
            f"{step.usage.cost_usd * 1e6:.1f} µ$" if step.usage.cost_usd else "-",
            ", ".join(f"#{position}" for position in step.ledger_positions) or "-",
        )
    return table


def _totals(receipt: Receipt) -> RenderableType:
    left = "content left the edge" if receipt.left_the_edge else "nothing left the edge"
    parts = (
        f"  receipt {receipt.request_id[:12]}",
        f"graph {receipt.graph} ({receipt.graph_hash.removeprefix('sha256:')[:12]})",
        f"request {receipt.label}",
        left,
        f"{receipt.usage.prompt_tokens}+{receipt.usage.completion_tokens} tokens",
        f"{receipt.latency_s * 1000:.0f} ms",
        f"{receipt.cost_usd * 1e6:.1f} µ$",
    )
    return Text(" · ".join(parts), style="dim")


def _releases(records: Sequence[ReleaseRecord]) -> str:
    if not records:
        return "-"
    return ", ".join(
        f"{record.by} {{{', '.join(record.categories)}}} x{record.spans}" for record in records
    )
