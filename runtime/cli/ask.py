"""``leeward ask``: send one request to an edge and show everything that happens to it."""

import asyncio
import sys
from contextlib import aclosing
from typing import Annotated

import typer
from rich.console import Console

from runtime.cli.output import JsonOption, run_command, show
from runtime.cli.run_view import RunOutcome, show_changes, show_receipt
from runtime.codec.collaboration import CollaborationCall
from runtime.errors import StreamBroken
from runtime.executor.events import AnswerDelta
from runtime.executor.plain import receipt_to_data
from runtime.ids import SessionId
from runtime.labels import Label
from runtime.ports import ChatMessage, SamplingOverrides
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.collaboration_client import CollaborationClient

__all__ = ["ask"]


def ask(
    question: Annotated[str, typer.Argument(help="The question; - reads it from stdin.")],
    *,
    edge: Annotated[str, typer.Option(help="gRPC address of the edge.")] = "127.0.0.1:7450",
    graph: Annotated[str, typer.Option(help="Graph to run; auto lets the edge choose.")] = "auto",
    label: Annotated[
        list[str] | None, typer.Option(help="Category known to be in it; adds, never removes.")
    ] = None,
    session: Annotated[str, typer.Option(help="Keeps placeholders over several asks.")] = "",
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Longest answer.")] = None,
    key: Annotated[
        str, typer.Option(help="Idempotency key: asked again with it, it is answered once.")
    ] = "",
    timeout_s: Annotated[float, typer.Option(min=0.1, help="Seconds to wait.")] = 120.0,
    as_json: JsonOption = False,
) -> None:
    """Ask an edge, and show answer, steps and receipt."""
    text = sys.stdin.read() if question == "-" else question
    call = CollaborationCall(
        graph=None if graph == "auto" else graph,
        messages=(ChatMessage("user", text),),
        declared_label=Label.of(*(label or ())),
        session_id=SessionId(session) if session else None,
        sampling=SamplingOverrides(max_tokens=max_tokens),
        idempotency_key=key,
    )

    def work() -> None:
        console = Console(quiet=as_json, highlight=False)
        outcome = asyncio.run(_run(call, edge, timeout_s=timeout_s, console=console))
        if outcome.answer is None or outcome.receipt is None:
            raise StreamBroken("the run ended without a receipt")
        receipt = receipt_to_data(outcome.receipt)
        if as_json:
            data = {
                "answer": outcome.answer.text,
                "finish_reason": outcome.answer.finish_reason.value,
                "receipt": receipt,
            }
            show(data, as_json=True)
            return
        console.print()
        show_changes(console, outcome)
        show_receipt(console, receipt)

    run_command(work, as_json=as_json)


async def _run(
    call: CollaborationCall, edge: str, *, timeout_s: float, console: Console
) -> RunOutcome:
    outcome = RunOutcome()
    async with open_channel(ChannelSettings(target=edge, tls=None)) as channel:
        events = CollaborationClient(channel).run(call, timeout_s=timeout_s)
        async with aclosing(events):
            async for event in events:
                outcome.take(event)
                if isinstance(event, AnswerDelta):
                    console.print(event.text, end="", markup=False)
    return outcome
