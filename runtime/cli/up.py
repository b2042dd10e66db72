"""``leeward up``: the whole main job on this machine, until interrupted."""

import asyncio
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from runtime.cli.output import run_command
from runtime.errors import BackendUnavailable, ConfigInvalid
from runtime.local.layout import CloudModel, EdgeModel
from runtime.local.stack import LocalLlm, ProviderLlm, RunningStack, StackPlan, running_stack

__all__ = ["DEFAULT_POLICY", "reference_plan", "up"]

_SOURCE_ROOT = Path(__file__).resolve().parents[2]
_WEIGHTS = _SOURCE_ROOT / "reference" / "weights"
REFERENCE_EDGE = "tern-s"
REFERENCE_CLOUD = "gannet-m"
_REFERENCE_CONTEXT_TOKENS = 1024

DEFAULT_POLICY = """\
leeward: policy/v1
categories:
  person: confidential
  contact: confidential
  finance: confidential
  location: confidential
  health: restricted
  secret: restricted
  project_name: internal
clearance: {edge: restricted, cloud: internal}
releases:
  - {categories: [person, contact, finance, location], to: cloud, by: redact}
  - {categories: [health], to: cloud, by: approval}
when_unsure: restricted
cloud_away: edge_only
"""


def reference_plan(**ports: int) -> StackPlan:
    """Return the stack of the reference models: the small one on the edge, the large one behind.

    Raises:
        ConfigInvalid: This is not a source checkout, so the models are not here.
    """
    if not _WEIGHTS.is_dir():
        reason = "the reference models come with the source tree; give --edge-model and a provider"
        raise ConfigInvalid(reason)
    return StackPlan(
        edge_model=EdgeModel(
            REFERENCE_EDGE, _WEIGHTS / f"{REFERENCE_EDGE}.gguf", _REFERENCE_CONTEXT_TOKENS
        ),
        cloud_model=CloudModel(
            REFERENCE_CLOUD,
            REFERENCE_CLOUD,
            context_tokens=_REFERENCE_CONTEXT_TOKENS,
            prompt_usd_per_mtok=0.15,
            completion_usd_per_mtok=0.60,
        ),
        llm=LocalLlm(_WEIGHTS / f"{REFERENCE_CLOUD}.gguf"),
        policy_text=DEFAULT_POLICY,
        **ports,
    )


def up(
    *,
    edge_model: Annotated[
        Path | None, typer.Option(help="GGUF file that the edge serves; default: the reference.")
    ] = None,
    cloud_model: Annotated[
        str, typer.Option(envvar="LEEWARD_CLOUD_MODEL", help="Model name at the provider.")
    ] = "",
    base_url: Annotated[
        str, typer.Option(envvar="OPENAI_BASE_URL", help="The provider's OpenAI API.")
    ] = "",
    policy: Annotated[Path | None, typer.Option(help="Policy file; default: a clinic's.")] = None,
    state: Annotated[Path, typer.Option(help="Directory for keys, ledger and logs.")] = Path(
        ".leeward"
    ),
    http_port: Annotated[int, typer.Option(help="Of the OpenAI-compatible endpoint.")] = 8450,
    grpc_port: Annotated[int, typer.Option(help="Of the edge's gRPC.")] = 7450,
) -> None:
    """Start an LLM server (or use a provider), a gateway and an edge; stay until Ctrl-C.

    With OPENAI_API_KEY and --cloud-model the cloud side is that provider; without, the larger
    reference model is served on loopback.
    """

    def work() -> None:
        plan = _plan(
            edge_model=edge_model,
            cloud_model=cloud_model,
            base_url=base_url,
            policy=policy,
            ports={"edge_http_port": http_port, "edge_grpc_port": grpc_port},
        )
        asyncio.run(_stay_up(plan, state, dict(os.environ)))  # noqa: TID251 - the CLI is a root

    run_command(work)


def _plan(
    *,
    edge_model: Path | None,
    cloud_model: str,
    base_url: str,
    policy: Path | None,
    ports: Mapping[str, int],
) -> StackPlan:
    key = os.environ.get("OPENAI_API_KEY", "")  # noqa: TID251 - the CLI is a root
    if bool(cloud_model) != bool(key):
        reason = "a provider needs both OPENAI_API_KEY and --cloud-model"
        raise ConfigInvalid(reason)
    plan = reference_plan(**ports) if edge_model is None or not cloud_model else None
    edge = plan.edge_model if plan is not None else None
    if edge_model is not None:
        edge = EdgeModel(edge_model.stem.lower(), edge_model)
    policy_text = DEFAULT_POLICY if policy is None else policy.read_text()
    if plan is not None and not cloud_model:
        cloud, llm = plan.cloud_model, plan.llm
    else:
        cloud = CloudModel(cloud_model, cloud_model)
        llm = ProviderLlm(base_url or "https://api.openai.com/v1", key)
    assert edge is not None  # noqa: S101 - one of the two branches set it
    return StackPlan(
        edge_model=edge, cloud_model=cloud, llm=llm, policy_text=policy_text, **ports
    )


async def _stay_up(plan: StackPlan, state: Path, environment: Mapping[str, str]) -> None:
    console = Console()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    with console.status("starting") as status:
        started = running_stack(
            plan,
            state.resolve(),
            environment=environment,
            progress=lambda phase: status.update(f"starting: {phase}"),
        )
        stack = await started.__aenter__()
    try:
        _introduce(console, plan, stack)
        ended = asyncio.create_task(stack.wait_any_exit())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if ended.done():
            gone = ended.result()
            reason = f"{gone.name} ended with exit code {gone.exit_code}: {gone.tail()}"
            raise BackendUnavailable(reason)
        ended.cancel()
        console.print("\nstopping")
    finally:
        await started.__aexit__(None, None, None)


def _introduce(console: Console, plan: StackPlan, stack: RunningStack) -> None:
    console.print(f"[bold green]up[/]  device {stack.device}, {plan.edge_model.name} on the edge, "
                  f"{plan.cloud_model.name} in the cloud")
    rows = (
        ("OpenAI endpoint", f"http://{stack.edge_http}/v1"),
        ("gRPC (Collaboration)", stack.edge_grpc),
        ("gateway (mTLS)", stack.gateway),
        ("ledger", str(stack.layout.ledger)),
        ("logs", str(stack.layout.logs)),
    )
    for name, value in rows:
        console.print(f"    {name:<22}{value}", highlight=False)
    console.print(
        "\ntry it:\n"
        f"    leeward ask --edge {stack.edge_grpc} --graph ask-cloud \"...\"\n"
        f"    curl http://{stack.edge_http}/v1/chat/completions -H 'content-type: application/json' \\\n"
        "      -d '{\"model\": \"leeward/auto\", \"messages\": [{\"role\": \"user\", \"content\": \"...\"}]}'\n"
        f"    leeward ledger verify {stack.layout.ledger}\n"
        "\nCtrl-C stops everything.",
        highlight=False,
        markup=False,
    )
