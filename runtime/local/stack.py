"""Bring up the whole main job on loopback: LLM server, gateway, enrolment, edge.

Each part is the program that a deployment runs (``leeward cloud serve``, ``leeward edge
enroll``, ...), started as a subprocess; nothing here reaches into a role.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from runtime.errors import BackendUnavailable, ConfigInvalid
from runtime.local.layout import API_KEY_VARIABLE, CloudModel, EdgeModel, Layout, write_layout
from runtime.local.llm import MODEL, running_llm
from runtime.local.process import LocalProcess
from runtime.sentinel.tagger.choice import NO_MODEL

__all__ = ["LocalLlm", "ProviderLlm", "RunningStack", "StackPlan", "running_stack"]

_START_S = 60.0
_CONTEXT_TOKENS = 4096


@dataclass(frozen=True, slots=True)
class LocalLlm:
    """An LLM server of our own on loopback: llama-cpp-python's packaged one."""

    file: Path


@dataclass(frozen=True, slots=True)
class ProviderLlm:
    """A provider that is already there."""

    base_url: str
    api_key: str


@dataclass(frozen=True, slots=True)
class StackPlan:
    """What to bring up."""

    edge_model: EdgeModel
    cloud_model: CloudModel
    llm: LocalLlm | ProviderLlm
    policy_text: str
    sentinel_model: str = NO_MODEL
    """What reads beside the patterns on the edge, as its configuration says it."""
    edge_grpc_port: int = 0
    edge_http_port: int = 0
    cloud_port: int = 0
    enrolment_port: int = 0

    def with_provider(self, provider: ProviderLlm, *, upstream_model: str) -> "StackPlan":
        """Return the same plan over a provider that is already there."""
        cloud = replace(self.cloud_model, upstream_model=upstream_model)
        return replace(self, llm=provider, cloud_model=cloud)


@dataclass(frozen=True, slots=True)
class RunningStack:
    """Where a stack can be reached."""

    layout: Layout
    edge_grpc: str
    edge_http: str
    gateway: str
    enrolment: str
    device: str
    processes: tuple[LocalProcess, ...]

    async def wait_any_exit(self) -> LocalProcess:
        """Wait until one of the processes ends, and return it."""
        waits = {asyncio.create_task(process.wait_exit()): process for process in self.processes}
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        return waits[done.pop()]


@asynccontextmanager
async def running_stack(
    plan: StackPlan,
    root: Path,
    *,
    environment: Mapping[str, str],
    progress: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[RunningStack]:
    """Bring the stack up; take it down when the block ends, however it ends.

    Args:
        plan: What to bring up.
        root: Directory for its files; keys and enrolment in it are used again.
        environment: What the processes inherit.
        progress: Told the name of each phase as it begins.

    Raises:
        BackendUnavailable: A process did not come up; with its last words.
        ConfigInvalid: A model file is missing.
    """
    layout = Layout(root)
    for model in (
        plan.edge_model.file,
        *([plan.llm.file] if isinstance(plan.llm, LocalLlm) else []),
    ):
        if not model.is_file():
            raise ConfigInvalid(
                "is not a model file; give the path of a GGUF file", file=str(model)
            )
    async with AsyncExitStack() as stack:
        starter = _Starter(layout, environment, stack)
        progress("LLM server")
        url, key, upstream_model = await starter.llm(plan)
        write_layout(
            layout,
            edge_model=plan.edge_model,
            cloud_model=replace(plan.cloud_model, upstream_model=upstream_model),
            upstream_url=url,
            policy_text=plan.policy_text,
            sentinel_model=plan.sentinel_model,
            ports=(
                plan.edge_grpc_port,
                plan.edge_http_port,
                plan.cloud_port,
                plan.enrolment_port,
            ),
        )
        progress("cloud gateway")
        cloud = await starter.serve("cloud", layout.cloud_config, {API_KEY_VARIABLE: key})
        progress("enrolment")
        device = await starter.enrol(cloud)
        progress("edge daemon")
        edge = await starter.serve("edge", layout.edge_config, {})
        yield RunningStack(
            layout=layout,
            edge_grpc=edge["grpc"],
            edge_http=edge["http"],
            gateway=cloud["grpc"],
            enrolment=cloud["enrolment"],
            device=device,
            processes=tuple(starter.processes),
        )


class _Starter:
    def __init__(
        self, layout: Layout, environment: Mapping[str, str], stack: AsyncExitStack
    ) -> None:
        self._layout = layout
        self._environment = environment
        self._stack = stack
        self.processes: list[LocalProcess] = []

    async def llm(self, plan: StackPlan) -> tuple[str, str, str]:
        """Return base URL, key and model name of the provider, started if it is ours."""
        if isinstance(plan.llm, ProviderLlm):
            return plan.llm.base_url, plan.llm.api_key, plan.cloud_model.upstream_model
        llm = await self._stack.enter_async_context(
            running_llm(
                plan.llm.file,
                context_tokens=plan.cloud_model.context_tokens or _CONTEXT_TOKENS,
                log=self._layout.logs / "llm.log",
                environment=self._environment,
            )
        )
        self.processes.append(llm.process)
        return llm.base_url, llm.api_key, MODEL

    async def serve(self, role: str, config: Path, extra: Mapping[str, str]) -> dict[str, str]:
        """Start a role and return the addresses it serves at."""
        ready = self._layout.ready(role)
        ready.unlink(missing_ok=True)
        command = [*_leeward(), role, "serve", "--config", str(config), "--ready-file", str(ready)]
        process = await self._start(role, command, {**self._environment, **extra})
        return await process.wait_ready_file(ready, timeout_s=_START_S)

    async def enrol(self, cloud: Mapping[str, str]) -> str:
        """Enrol the edge with a one-time token, unless it is enrolled already."""
        layout = self._layout
        config, token = str(layout.edge_config), str(layout.token)
        status = await self._run("edge", "identity", "--config", config, "--json")
        if status.get("valid") and status.get("gateway") == cloud["grpc"]:
            return str(status["device"])
        layout.token.unlink(missing_ok=True)
        await self._run(
            "cloud", "token", "--config", str(layout.cloud_config), "--out", token,
            "--gateway", cloud["grpc"], "--enrolment", cloud["enrolment"], "--json",
        )  # fmt: skip
        enrolled = await self._run(
            "edge", "enroll", "--config", config, "--token", token, "--force", "--json"
        )
        layout.token.unlink(missing_ok=True)
        return str(enrolled["device"])

    async def _start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str]
    ) -> LocalProcess:
        process = await LocalProcess.start(
            name, command, log=self._layout.logs / f"{name}.log", environment=environment
        )
        self._stack.push_async_callback(process.stop)
        self.processes.append(process)
        return process

    async def _run(self, *arguments: str) -> dict[str, object]:
        process = await asyncio.create_subprocess_exec(
            *_leeward(),
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(self._environment),
        )
        output, errors = await process.communicate()
        if process.returncode:
            what = " ".join(arguments[:2])
            words = errors.decode(errors="replace").strip() or output.decode(errors="replace")
            raise BackendUnavailable(f"leeward {what} failed ({process.returncode}): {words}")
        answer: dict[str, object] = json.loads(output)
        return answer


def _leeward() -> list[str]:
    return [str(Path(sys.executable).with_name("leeward"))]


def _check_files(plan: StackPlan) -> None:
    files = [plan.edge_model.file]
    if isinstance(plan.llm, LocalLlm):
        files.append(plan.llm.file)
    for file in files:
        if not file.is_file():
            raise ConfigInvalid("is not a file; give the path of a GGUF model", file=str(file))
