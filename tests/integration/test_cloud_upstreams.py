"""``leeward cloud upstreams`` asks each provider and the running gateway; both are real."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import yaml

from cloud.config import CloudConfig, load_config
from cloud.config_upstreams import read_spec
from cloud.upstream_status import UpstreamStatus, read_upstreams
from runtime.clock import SystemClock
from runtime.local.ports import free_port
from runtime.local.process import LocalProcess
from runtime.testing.scripted_provider import Provider, running_provider

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

MAIN = "from runtime.cli.main import main; main()"
KEYS = {"KEY": "k"}


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[Provider]:
    async with running_provider() as running:
        yield running


@pytest.fixture
def config(tmp_path: Path, provider: Provider) -> CloudConfig:
    fields = {
        "leeward": "cloud/v1",
        "listen": f"127.0.0.1:{free_port()}",
        "enrolment": f"127.0.0.1:{free_port()}",
        "upstreams": {
            "here": {"base_url": provider.base_url, "api_key_env": "KEY"},
            "away": {"base_url": f"http://127.0.0.1:{free_port()}/v1", "keyless": True},
        },
        "models": {
            "m": {"targets": [{"upstream": "here", "model": "m"}]},
            "n": {"targets": [{"upstream": name, "model": "m"} for name in ("away", "here")]},
        },
        "breaker": {"probe_s": 0.2},
    }
    path = tmp_path / "cloud.yaml"
    path.write_text(yaml.safe_dump(fields, sort_keys=False))
    return load_config(path)


@pytest_asyncio.fixture
async def gateway(config: CloudConfig, tmp_path: Path) -> AsyncIterator[LocalProcess]:
    ready = tmp_path / "ready.json"
    arguments = ["cloud", "serve", "--config", str(tmp_path / "cloud.yaml")]
    process = await LocalProcess.start(
        "gateway",
        [sys.executable, "-c", MAIN, *arguments, "--ready-file", str(ready)],
        log=tmp_path / "gateway.log",
        environment=dict(os.environ) | KEYS,
    )
    await process.wait_ready_file(ready, timeout_s=60)
    yield process
    await process.stop()


async def wait_known(config: CloudConfig) -> list[UpstreamStatus]:
    """Ask until the gateway has asked each provider itself for the first time."""
    specs = [read_spec(upstream, KEYS) for upstream in config.upstreams]
    async with asyncio.timeout(30):
        while True:
            found = await read_upstreams(config, specs, clock=SystemClock())
            if all(one.gateway != "unknown" for one in found):
                return found


async def test_each_is_asked_by_us_and_as_the_gateway_sees_it(
    config: CloudConfig, gateway: LocalProcess, provider: Provider
) -> None:
    here, away = await wait_known(config)

    assert (here.name, here.models, here.answers, here.fault) == ("here", ("m", "n"), True, "")
    assert here.gateway == "serving"
    assert (away.models, away.answers, away.fault) == (("n",), False, "unreachable")
    assert away.gateway == "not_serving"


async def test_without_a_gateway_the_providers_are_asked_all_the_same(
    config: CloudConfig, tmp_path: Path
) -> None:
    process = await LocalProcess.start(
        "upstreams",
        [
            sys.executable,
            "-c",
            MAIN,
            "cloud",
            "upstreams",
            "--json",
            "-c",
            str(tmp_path / "cloud.yaml"),
        ],
        log=tmp_path / "upstreams.log",
        environment=dict(os.environ) | KEYS,
    )
    code = await process.wait_exit()

    printed = json.loads((tmp_path / "upstreams.log").read_text())
    assert code == 3
    assert [(one["answers"], one["gateway"]) for one in printed] == [
        (True, "unknown"),
        (False, "unknown"),
    ]
    assert "k" not in {one["fault"] for one in printed}
