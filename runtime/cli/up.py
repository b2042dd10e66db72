"""``leeward up``: the whole main job on this machine, until interrupted."""

import asyncio
import os
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from runtime.cli.output import run_command
from runtime.errors import BackendUnavailable, ConfigInvalid
from runtime.local.layout import CloudModel, EdgeModel
from runtime.local.stack import LocalLlm, ProviderLlm, RunningStack, StackPlan, running_stack
from runtime.sentinel.tagger.choice import BUILT_IN_NAME, NO_MODEL

__all__ = ["DEFAULT_POLICY", "reference_plan", "up"]

_WEIGHTS = Path(__file__).resolve().parents[2] / "reference" / "weights"
_EDGE_MODEL = "tern-s"
_CLOUD_MODEL = "gannet-m"
_CONTEXT_TOKENS = 1024
_DEFAULT_BASE_URL = "https://api.openai.com/v1"
_DEFAULT_STATE = Path(".leeward")

DEFAULT_POLICY = """\
leeward: policy/v1
categories:
  person: confidential
  contact: confidential
  identity: confidential
  finance: confidential
  location: confidential
  network: confidential
  health: restricted
  secret: restricted
clearance: {edge: restricted, cloud: internal}
releases:
  - categories: [person, contact, identity, finance, location, network]
    to: cloud
    by: redact
when_unsure: restricted
cloud_away: edge_only
"""


def reference_plan() -> StackPlan:
    """Return the stack of the reference models: the small one on the edge, the large one behind.

    Raises:
        ConfigInvalid: This is not a source checkout, so the models are not here.
    """
    if not _WEIGHTS.is_dir():
        reason = "the reference models come with the source tree; give --edge-model and a provider"
        raise ConfigInvalid(reason)
    return StackPlan(
        edge_model=EdgeModel(
            _EDGE_MODEL,
            _WEIGHTS / f"{_EDGE_MODEL}.gguf",
            _CONTEXT_TOKENS,
            is_deterministic=True,  # what the demo and the tabulated results show, everybody gets
        ),
        cloud_model=CloudModel(
            _CLOUD_MODEL,
            _CLOUD_MODEL,
            context_tokens=_CONTEXT_TOKENS,
            # What a small hosted model costs; it makes the receipts' arithmetic visible.
            prompt_usd_per_mtok=0.15,
            completion_usd_per_mtok=0.60,
        ),
        llm=LocalLlm(_WEIGHTS / f"{_CLOUD_MODEL}.gguf"),
        policy_text=DEFAULT_POLICY,
        # The reference models learned from texts as the patterns redact them, and what the demo
        # shows was measured so: the sentinel's model takes titles and drugs, too
        # (docs/sentinel.md).
        sentinel_model=NO_MODEL,
    )


def up(
    *,
    edge_model: Annotated[
        Path | None, typer.Option(help="GGUF file for the edge; default: the reference model.")
    ] = None,
    cloud_model: Annotated[
        str, typer.Option(envvar="LEEWARD_CLOUD_MODEL", help="The provider's name for its model.")
    ] = "",
    base_url: Annotated[
        str, typer.Option(envvar="OPENAI_BASE_URL", help="The provider's OpenAI API.")
    ] = _DEFAULT_BASE_URL,
    api_key: Annotated[
        str, typer.Option(envvar="OPENAI_API_KEY", help="The provider's key.", show_default=False)
    ] = "",
    policy: Annotated[Path | None, typer.Option(help="Policy file; default: a clinic's.")] = None,
    state: Annotated[
        Path, typer.Option(help="Directory for keys, ledger and logs.")
    ] = _DEFAULT_STATE,
    http_port: Annotated[int, typer.Option(help="Of the OpenAI-compatible endpoint.")] = 8450,
    grpc_port: Annotated[int, typer.Option(help="Of the edge's gRPC.")] = 7450,
) -> None:
    """Start an LLM server (or use a provider), a gateway and an edge; stay until Ctrl-C.

    With --cloud-model and OPENAI_API_KEY the cloud side is that provider; without, the larger
    reference model is served on loopback.
    """

    def work() -> None:
        plan = _plan(edge_model, cloud_model, base_url, api_key)
        plan = replace(plan, edge_http_port=http_port, edge_grpc_port=grpc_port)
        if policy is not None:
            plan = replace(plan, policy_text=_read(policy))
        environment = dict(os.environ)  # noqa: TID251 - the command line is a root
        asyncio.run(_stay_up(plan, state.resolve(), environment))

    run_command(work)


def _plan(edge_model: Path | None, cloud_model: str, base_url: str, api_key: str) -> StackPlan:
    if cloud_model and not api_key:
        raise ConfigInvalid("a provider needs its key: set OPENAI_API_KEY")
    if edge_model is not None and cloud_model:
        provider = ProviderLlm(base_url, api_key)
        edge, cloud = _edge_model(edge_model), CloudModel(cloud_model, cloud_model)
        return StackPlan(edge, cloud, provider, DEFAULT_POLICY, BUILT_IN_NAME)
    plan = reference_plan()
    if edge_model is not None:
        plan = replace(plan, edge_model=_edge_model(edge_model))
    if cloud_model:
        provider = ProviderLlm(base_url, api_key)
        cloud = CloudModel(cloud_model, cloud_model)
        plan = replace(plan, cloud_model=cloud, llm=provider, sentinel_model=BUILT_IN_NAME)
    return plan


def _edge_model(file: Path) -> EdgeModel:
    return EdgeModel(file.stem, file)


def _read(policy: Path) -> str:
    try:
        return policy.read_text()
    except OSError as error:
        raise ConfigInvalid(f"cannot be read: {error.strerror}", file=str(policy)) from error


async def _stay_up(plan: StackPlan, state: Path, environment: Mapping[str, str]) -> None:
    console = Console(highlight=False)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    status = console.status("starting")
    status.start()
    try:
        async with running_stack(
            plan,
            state,
            environment=environment,
            progress=lambda phase: status.update(f"starting: {phase}"),
        ) as stack:
            status.stop()
            _introduce(console, plan, stack)
            await _wait_stop(stack, stop)
            console.print("\nstopping")
    finally:
        status.stop()


async def _wait_stop(stack: RunningStack, stop: asyncio.Event) -> None:
    """Return when asked to stop.

    Raises:
        BackendUnavailable: A part of the stack ended by itself.
    """
    ended = asyncio.create_task(stack.wait_any_exit())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not stop.is_set():
        gone = ended.result()
        raise BackendUnavailable(f"{gone.name} ended ({gone.exit_code}): {gone.tail()}")
    ended.cancel()


def _introduce(console: Console, plan: StackPlan, stack: RunningStack) -> None:
    models = f"{plan.edge_model.name} on the edge, {plan.cloud_model.name} in the cloud"
    console.print(f"[bold green]up[/]  {models}; device {stack.device}")
    rows = (
        ("OpenAI endpoint", f"http://{stack.edge_http}/v1"),
        ("console", f"http://{stack.edge_http}/console"),
        ("gRPC", stack.edge_grpc),
        ("gateway (mTLS)", stack.gateway),
        ("files", str(stack.layout.root)),
    )
    for name, value in rows:
        console.print(f"    {name:<18}{value}")
    body = '{"model": "leeward/auto", "messages": [{"role": "user", "content": "..."}]}'
    console.print(
        "\ntry, from another terminal:\n"
        f'    leeward ask --edge {stack.edge_grpc} --graph parallel-fuse "..."\n'
        f"    curl http://{stack.edge_http}/v1/chat/completions \\\n"
        f"      -H 'content-type: application/json' -d '{body}'\n"
        f"    leeward ledger verify {stack.layout.ledger}\n"
        "\nCtrl-C stops everything.",
        markup=False,
        soft_wrap=True,
    )
