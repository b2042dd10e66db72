"""What ``bench.gateway`` measures: instrumented upstreams, our gateway, LiteLLM's proxy.

All on loopback, each a process of its own that dies with the bench.
"""

from __future__ import annotations

import json
import secrets
import ssl
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
import yaml

from bench.gateway_callers import enrolled, prepare_callers
from bench.gateway_upstream import Counts
from runtime.local.ports import free_port
from runtime.local.process import LocalProcess
from runtime.testing.local_roles import LocalRoles

__all__ = [
    "COMPLETION_USD_PER_MTOK",
    "LITELLM_HOME",
    "PROMPT_USD_PER_MTOK",
    "Gateway",
    "HttpFront",
    "LiteLlm",
    "Upstream",
    "World",
    "cpu_s",
    "rss_bytes",
]

LITELLM_HOME: Final = Path(__file__).parents[1] / "var" / "bench-litellm"
"""A virtual environment of its own: ``make bench-peers``."""
_START_S: Final = 90.0
_KEY_VARIABLE: Final = "LEEWARD_BENCH_UPSTREAM_KEY"
_STREAMS: Final = 4096
PROMPT_USD_PER_MTOK: Final = 1.0
COMPLETION_USD_PER_MTOK: Final = 4.0
"""Of every model; per million tokens, so micro-dollars per token."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """A running instrumented upstream."""

    port: int
    process: LocalProcess

    def counts(self) -> Counts:
        """Return what it was asked so far."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/counts", timeout=5) as answer:
            return Counts(**json.load(answer))


@dataclass(frozen=True, slots=True)
class HttpFront:
    """A gateway's OpenAI endpoint, and the key that it takes."""

    port: int
    key: str


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway, and the device that may call it."""

    name: str
    config: Path
    pid: int
    grpc_port: int
    tls: ssl.SSLContext
    http: HttpFront


@dataclass(frozen=True, slots=True)
class LiteLlm:
    """A running proxy, and the key it takes."""

    port: int
    key: str
    pid: int
    version: str


class World:
    """Starts what is measured, in one directory.

    Args:
        root: Where configurations, state and logs go.
        environment: What the processes inherit.
    """

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        self._root = root
        self._environment = {**environment, _KEY_VARIABLE: "bench"}
        self._roles = LocalRoles(root, self._environment)
        self._processes: list[LocalProcess] = []

    async def upstream(self) -> Upstream:
        """Start one more upstream."""
        name = f"upstream-{len(self._processes)}"
        ready = self._root / f"{name}.json"
        command = [sys.executable, "-m", "bench.gateway_upstream", str(ready)]
        process = await self._start(name, command)
        port = (await process.wait_ready_file(ready, timeout_s=_START_S))["port"]
        return Upstream(int(port), process)

    async def gateway(
        self,
        name: str,
        upstreams: Sequence[Upstream],
        models: Sequence[str],
        *,
        cap_usd: str = "1000000",
    ) -> Gateway:
        """Start a gateway that serves ``models`` from ``upstreams``, and enrol a device there.

        Every call counts in one budget, as in production; ``cap_usd`` is its cap.
        """
        config = self._root / f"{name}.yaml"
        config.write_text(yaml.safe_dump(self._gateway_config(name, upstreams, models)))
        callers = await prepare_callers(config, cap_usd=cap_usd)
        ready = await self._roles.serve(name, "cloud", config)
        tls = await enrolled(callers, ready["enrolment"])
        http = HttpFront(_port(ready["http"]), callers.key)
        return Gateway(name, config, self._roles.pid(name), _port(ready["grpc"]), tls, http)

    async def kill(self, gateway: Gateway) -> None:
        """``kill -9``."""
        await self._roles.kill(gateway.name)

    async def restart(self, gateway: Gateway) -> None:
        """Start a gateway that has ended again, on the state it left."""
        await self._roles.serve(gateway.name, "cloud", gateway.config)

    async def litellm(self, upstream: Upstream, models: Sequence[str]) -> LiteLlm | None:
        """Start LiteLLM's proxy with one worker; ``None`` where it is not installed."""
        program = LITELLM_HOME / "bin" / "litellm"
        if not program.exists():
            return None
        key, port = f"sk-{secrets.token_hex(16)}", free_port()
        config = self._root / "litellm.yaml"
        config.write_text(yaml.safe_dump(_litellm_config(upstream, models, key)))
        environment = {**self._environment, "LITELLM_LOG": "ERROR", "NO_DOCS": "True"}
        command = [
            str(program), "--config", str(config), "--host", "127.0.0.1", "--port", str(port),
            "--num_workers", "1", "--telemetry", "False",
        ]  # fmt: skip
        process = await self._start("litellm", command, environment)

        async def probe() -> bool | None:
            return _answers(f"http://127.0.0.1:{port}/health/liveliness")

        await process.wait_ready(probe, timeout_s=_START_S)
        return LiteLlm(port, key, process.pid, _litellm_version())

    async def close(self) -> None:
        """Stop everything."""
        for process in self._processes:
            await process.stop()
        await self._roles.close()

    async def _start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> LocalProcess:
        process = await LocalProcess.start(
            name,
            command,
            log=self._root / "logs" / f"{name}.log",
            environment=environment or self._environment,
        )
        self._processes.append(process)
        return process

    def _gateway_config(
        self, name: str, upstreams: Sequence[Upstream], models: Sequence[str]
    ) -> dict[str, Any]:
        providers = {
            f"up{index}": {
                "base_url": f"http://127.0.0.1:{upstream.port}/v1",
                "api_key_env": _KEY_VARIABLE,
                "max_concurrency": _STREAMS,
            }
            for index, upstream in enumerate(upstreams)
        }
        return {
            "leeward": "cloud/v1",
            "name": name,
            "listen": f"127.0.0.1:{free_port()}",
            "enrolment": f"127.0.0.1:{free_port()}",
            "http": {"listen": f"127.0.0.1:{free_port()}", "max_calls": _STREAMS},
            "state": f"{name}-state",
            "max_streams": _STREAMS,
            "upstreams": providers,
            "models": {
                model: {
                    "targets": [{"upstream": each, "model": model} for each in providers],
                    "prices": [
                        {
                            "valid_from": "2026-01-01",
                            "prompt_usd_per_mtok": PROMPT_USD_PER_MTOK,
                            "completion_usd_per_mtok": COMPLETION_USD_PER_MTOK,
                        }
                    ],
                }
                for model in models
            },
        }


def cpu_s(pid: int) -> float:
    """Return the processor time that a process and its children have used so far, seconds."""
    process = psutil.Process(pid)
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(time.user + time.system for time in times)


def rss_bytes(pid: int) -> int:
    """Return the memory that a process and its children hold."""
    process = psutil.Process(pid)
    return sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))


def _litellm_config(upstream: Upstream, models: Sequence[str], key: str) -> dict[str, Any]:
    return {
        "model_list": [
            {
                "model_name": model,
                "litellm_params": {
                    "model": f"openai/{model}",
                    "api_base": f"http://127.0.0.1:{upstream.port}/v1",
                    "api_key": "bench",
                },
            }
            for model in models
        ],
        "general_settings": {"master_key": key},
    }


def _litellm_version() -> str:
    found = sorted(LITELLM_HOME.glob("lib/python*/site-packages/litellm-*.dist-info"))
    return found[0].name.removeprefix("litellm-").removesuffix(".dist-info")


def _answers(url: str) -> bool | None:
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own loopback address
            return True
    except OSError:
        return None


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])
