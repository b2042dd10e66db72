"""The main job, end to end, on the reference models: ``python -m reference.demo``.

Brings up what a deployment runs (LLM server, gateway, enrolment, edge), sends it five requests,
shows what happened to each, and checks what it shows: a run counts only if every stream ended
with its finish reason, and nothing sensitive is found in what the provider really received.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from openai import AsyncOpenAI
from rich.console import Console
from rich.text import Text

from reference.demo_questions import draw_questions
from reference.demo_scenes import Scene, scenes_of
from reference.tap import Tap, running_tap
from reference.tasks import is_right
from runtime.cli.run_view import RunOutcome, show_changes, show_receipt, show_repairs
from runtime.cli.up import reference_plan
from runtime.codec.collaboration import CollaborationCall
from runtime.executor.plain import receipt_to_data
from runtime.local.llm import running_llm
from runtime.local.stack import LocalLlm, ProviderLlm, RunningStack, running_stack
from runtime.ports import ChatMessage
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.collaboration_client import CollaborationClient

__all__ = ["main"]

_SEED = 11
_TIMEOUT_S = 60.0
_PLAIN_WIDTH = 118
"""Columns where the output is no terminal."""


class DemoFailed(Exception):
    """Something that the demo shows is not so."""


def main(*, seed: int = _SEED, keep: Path | None = None) -> None:
    """Run the demo; exit status 0 only if everything it shows is so.

    Args:
        seed: Draws the questions.
        keep: Directory for ledger, logs and configuration; a temporary one by default.
    """
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_PLAIN_WIDTH)
    try:
        asyncio.run(_demo(console, seed, keep, os.environ))  # noqa: TID251 - a program's root
    except DemoFailed as failure:
        console.print(f"[bold red]demo failed:[/] {failure}")
        raise typer.Exit(1) from failure


async def _demo(
    console: Console, seed: int, keep: Path | None, environment: Mapping[str, str]
) -> None:
    plan = reference_plan()
    assert isinstance(plan.llm, LocalLlm)  # noqa: S101 - the reference models are local
    async with AsyncExitStack() as stack:
        root = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="leeward-")))
        status = stack.enter_context(console.status("starting: LLM server"))
        llm = await stack.enter_async_context(
            running_llm(
                plan.llm.file,
                context_tokens=plan.cloud_model.context_tokens,
                log=root / "logs" / "llm.log",
                environment=environment,
            )
        )
        tap = await stack.enter_async_context(running_tap(llm.host, llm.port))
        provider = ProviderLlm(f"http://{tap.host}:{tap.port}/v1", llm.api_key)
        running = await stack.enter_async_context(
            running_stack(
                plan.with_provider(provider, upstream_model=llm.model),
                root,
                environment=environment,
                progress=lambda phase: status.update(f"starting: {phase}"),
            )
        )
        status.stop()
        _introduce(console, running)
        right = 0
        scenes = scenes_of(draw_questions(seed))
        for number, scene in enumerate(scenes, start=1):
            right += await _play(console, running, tap, number, scene)
        await _verify_ledger(console, running)
    console.print(
        f"\n[bold green]done[/]  {len(scenes)} requests, {right} answered right; every stream "
        "ended with its finish reason;\n      no sensitive span reached the provider; "
        "the ledger verifies."
    )


async def _play(
    console: Console, running: RunningStack, tap: Tap, number: int, scene: Scene
) -> bool:
    """Send one request, show what happened, check it; return whether the answer was right."""
    question = scene.question
    console.print(Text(f"\n{number}. {scene.title}", style="bold"))
    console.print(Text(f"  asked     {question.text}"), soft_wrap=True)
    seen_before = len(tap.user_turns())
    ask = _ask_grpc if scene.call == "grpc" else _ask_openai
    answered = await ask(console, running, scene)
    right = is_right(answered.text, question.answer)
    verdict = "[green]right[/]" if right else f"[yellow]wrong[/], it is {question.answer}"
    console.print(Text(f"  answer    {_one_line(answered.text)}"), soft_wrap=True)
    console.print(f"            {verdict}; via {answered.via}")
    for turn in tap.user_turns()[seen_before:]:
        console.print(Text(f"  provider  {_one_line(turn)}", style="cyan"), soft_wrap=True)
    answered.show()
    show_receipt(console, answered.receipt)
    _check(scene, answered.receipt, tap)
    return right


def _check(scene: Scene, receipt: Mapping[str, Any], tap: Tap) -> None:
    if not scene.holds(receipt):
        raise DemoFailed(f"the receipt does not show what was promised: {scene.title}")
    question = scene.question
    sensitive = [question.text[span.start : span.end] for span in question.spans]
    leaked = [text for text in sensitive if text in tap.text()]
    if leaked:
        raise DemoFailed(f"{len(leaked)} sensitive spans reached the provider: {scene.title}")


@dataclass(frozen=True, slots=True)
class _Answered:
    text: str
    receipt: Mapping[str, Any]
    via: str
    show: Callable[[], None]
    """Prints what was changed on the way."""


async def _ask_grpc(console: Console, running: RunningStack, scene: Scene) -> _Answered:
    call = CollaborationCall(
        graph=scene.graph, messages=(ChatMessage("user", scene.question.text),)
    )
    outcome = RunOutcome()
    settings = ChannelSettings(target=running.edge_grpc, tls=None)
    async with (
        open_channel(settings) as channel,
        aclosing(CollaborationClient(channel).run(call, timeout_s=_TIMEOUT_S)) as events,
    ):
        async for event in events:
            outcome.take(event)
    if outcome.answer is None or outcome.receipt is None:
        raise DemoFailed("the stream ended without its finish reason")
    return _Answered(
        outcome.answer.text,
        receipt_to_data(outcome.receipt),
        f"gRPC Collaboration.Run, graph {scene.graph}, {outcome.answer.finish_reason.value}",
        lambda: show_changes(console, outcome),
    )


async def _ask_openai(console: Console, running: RunningStack, scene: Scene) -> _Answered:
    text, finish, extension = "", None, None
    base_url = f"http://{running.edge_http}/v1"
    async with AsyncOpenAI(base_url=base_url, api_key="unused", max_retries=0) as client:
        stream = await client.chat.completions.create(
            model=f"leeward/{scene.graph}",
            messages=[{"role": "user", "content": scene.question.text}],
            stream=True,
            timeout=_TIMEOUT_S,
        )
        async for chunk in stream:
            extension = (chunk.model_extra or {}).get("leeward", extension)
            for choice in chunk.choices:
                text += choice.delta.content or ""
                finish = choice.finish_reason or finish
    if finish is None or extension is None:
        raise DemoFailed("the stream ended without its finish reason")
    repairs = [(r["step"], r["change"], r["reason"]) for r in extension["repairs"]]
    return _Answered(
        text,
        extension["receipt"],
        f"openai client over HTTP, model leeward/{scene.graph}, streamed, {finish}",
        lambda: show_repairs(console, repairs),
    )


async def _verify_ledger(console: Console, running: RunningStack) -> None:
    """Run the command that an auditor runs; its words and exit code count."""
    ledger = str(running.layout.ledger)
    console.print(Text("\nleeward ledger verify", style="bold"))
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("leeward")),
        "ledger",
        "verify",
        ledger,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    for line in output.decode().splitlines():
        console.print(Text(f"  {line}"), soft_wrap=True)
    if process.returncode:
        raise DemoFailed(f"the ledger does not verify (exit code {process.returncode})")


def _introduce(console: Console, running: RunningStack) -> None:
    rows = (
        ("LLM server", "gannet-m, llama-cpp-python's packaged OpenAI server, on loopback"),
        ("cloud gateway", f"{running.gateway} (mutual TLS), enrolment at {running.enrolment}"),
        ("edge daemon", f"tern-s; gRPC {running.edge_grpc}, OpenAI http://{running.edge_http}/v1"),
        ("enrolled as", f"{running.device}, with a one-time join token"),
    )
    for name, text in rows:
        console.print(Text.assemble((f"{name:<15}", "dim"), text), soft_wrap=True)


def _one_line(text: str) -> str:
    return " | ".join(line for line in text.splitlines() if line.strip())


if __name__ == "__main__":
    typer.run(main)
