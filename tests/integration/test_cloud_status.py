"""``leeward cloud status`` asks a real gateway, and says so when there is none."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import yaml

from cloud.config import CloudConfig, load_config
from cloud.status import read_status
from runtime.clock import SystemClock
from runtime.errors import BackendUnavailable, NotFound
from runtime.local.ports import free_port
from runtime.local.process import LocalProcess


@pytest.fixture
def config(tmp_path: Path) -> CloudConfig:
    # The certificate carries a name that is not the address dialled.
    fields = {
        "leeward": "cloud/v1",
        "listen": f"0.0.0.0:{free_port()}",
        "enrolment": f"0.0.0.0:{free_port()}",
        "hostnames": ["gateway.example"],
        "upstreams": {"p": {"base_url": "http://127.0.0.1:1/v1", "api_key_env": "KEY"}},
        "models": {"m": {"targets": [{"upstream": "p", "model": "m"}]}},
    }
    path = tmp_path / "cloud.yaml"
    path.write_text(yaml.safe_dump(fields))
    return load_config(path)


@pytest_asyncio.fixture
async def gateway(config: CloudConfig, tmp_path: Path) -> AsyncIterator[LocalProcess]:
    script = "from runtime.cli.main import main; main()"
    arguments = ["cloud", "serve", "--config", str(tmp_path / "cloud.yaml")]
    ready = tmp_path / "ready.json"
    process = await LocalProcess.start(
        "gateway",
        [sys.executable, "-c", script, *arguments, "--ready-file", str(ready)],
        log=tmp_path / "gateway.log",
        environment=dict(os.environ) | {"KEY": "k"},
    )
    await process.wait_ready_file(ready, timeout_s=60)
    yield process
    await process.stop()


async def test_a_serving_gateway_says_where(config: CloudConfig, gateway: LocalProcess) -> None:
    status = await read_status(config, clock=SystemClock())

    assert status.node == "cloud"
    assert status.devices == config.listen.replace("0.0.0.0", "127.0.0.1")
    assert status.enrolment == config.enrolment.replace("0.0.0.0", "127.0.0.1")


async def test_a_stopped_gateway_is_unavailable(config: CloudConfig, gateway: LocalProcess) -> None:
    await gateway.stop()

    with pytest.raises(BackendUnavailable):
        await read_status(config, clock=SystemClock())


async def test_a_gateway_that_never_ran_is_not_found(config: CloudConfig) -> None:
    with pytest.raises(NotFound):
        await read_status(config, clock=SystemClock())


async def test_a_closed_device_port_is_unavailable(
    config: CloudConfig, gateway: LocalProcess, tmp_path: Path
) -> None:
    text = (tmp_path / "cloud.yaml").read_text().replace(config.listen, "127.0.0.1:1")
    (tmp_path / "cloud.yaml").write_text(text)
    other = await asyncio.to_thread(load_config, tmp_path / "cloud.yaml")

    with pytest.raises(BackendUnavailable, match=r"127\.0\.0\.1:1"):
        await read_status(other, clock=SystemClock())
