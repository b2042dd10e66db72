"""A real gateway's HTTP front: keys, TLS, streams that outlive a reload and end in a drain."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI

from runtime.local.ports import free_port
from runtime.testing.local_roles import edit_yaml
from runtime.testing.scripted_provider import Provider, Script, running_provider
from tests.integration.http_gateway import Gateway, running_gateway

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ASKED: Any = [{"role": "user", "content": "6 times 7?"}]
README = Path(__file__).parents[2] / "README.md"
GRAPH = "{leeward: graph/v1, name: ask-big, steps: {answer: {role: assistant, model: big}}}"


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[Provider]:
    async with running_provider() as running:
        yield running


@pytest_asyncio.fixture
async def gateway(tmp_path: Path, provider: Provider) -> AsyncIterator[Gateway]:
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs" / "ask-big.yaml").write_text(GRAPH)
    more = {
        "metrics": {"listen": f"127.0.0.1:{free_port()}"},
        "graphs": {"directory": "graphs", "default": "ask-big"},
        "drain_s": 5,
    }
    async with running_gateway(tmp_path, provider.base_url, **more) as running:
        yield running


async def ask(client: AsyncOpenAI, model: str = "big", **more: Any) -> Any:
    return await client.chat.completions.create(model=model, messages=ASKED, **more)


async def test_a_key_is_served_and_counted_until_it_is_revoked(gateway: Gateway) -> None:
    async with gateway.client() as client:
        whole = await ask(client)
        graph = await ask(client, "leeward/auto")
        models = [model.id async for model in client.models.list()]
        used = json.loads((await gateway.command("usage", "--json")).stdout)
        keys = json.loads((await gateway.command("key", "list", "--json")).stdout)
        revoked = await gateway.command("key", "revoke", keys[0]["id"])
        await asyncio.sleep(1.1)
        with pytest.raises(openai.AuthenticationError):
            await ask(client)

    assert whole.choices[0].message.content == "fourty-two"
    assert graph.leeward["receipt"]["steps"][0]["node"] == "cloud"
    assert models == ["leeward/auto", "leeward/ask-big", "big"]
    assert sum(row["calls"] for row in used) == 2
    assert revoked.exit_code == 0


async def test_the_readmes_curl_line_is_answered(gateway: Gateway) -> None:
    command = _readme_curl().replace("127.0.0.1:7445", gateway.addresses["http"])
    shell = await asyncio.create_subprocess_exec(
        *("sh", "-c", command.replace("llm-large", "big")),
        env=os.environ | {"LEEWARD_KEY": gateway.key},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, _ = await shell.communicate()

    assert json.loads(output)["choices"][0]["message"]["content"] == "fourty-two"


def _readme_curl() -> str:
    """The command in README.md that asks a gateway, on one line."""
    lines = README.read_text().splitlines()
    first = next(
        n for n, line in enumerate(lines) if line.startswith("$ curl http://127.0.0.1:7445")
    )
    return lines[first].removeprefix("$ ").removesuffix("\\") + lines[first + 1].strip()


async def test_metrics_are_read_on_their_own_port_only(gateway: Gateway) -> None:
    async with gateway.client() as client:
        await ask(client)
    async with httpx.AsyncClient() as http:
        shown = await http.get(f"http://{gateway.addresses['metrics']}/metrics")
        hidden = await http.get(f"http://{gateway.addresses['http']}/metrics")

    assert "leeward_" in shown.text
    assert hidden.status_code == 404


async def test_a_reload_takes_new_models_over_and_no_stream_is_dropped(
    gateway: Gateway, provider: Provider
) -> None:
    async with _open_stream(gateway, provider) as (stream, go_on):
        edit_yaml(
            gateway.config,
            gateway.config,
            {"models": {"huge": {"targets": [{"upstream": "p", "model": "m"}]}}},
        )
        taken = await gateway.command("reload", "--json")
        async with gateway.client() as client:
            names = [model.id async for model in client.models.list()]
            new = await ask(client, "huge")
            with pytest.raises(openai.NotFoundError):
                await ask(client, "big")
        go_on.set()
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    assert json.loads(taken.stdout) == {"ok": True, "restart_needed": []}
    assert names == ["huge"]  # the graph's model is gone, so the graph is not offered either
    assert new.choices[0].message.content == "fourty-two"
    assert text.endswith("end")


async def test_a_file_that_cannot_be_used_changes_nothing_and_is_said(
    gateway: Gateway, provider: Provider
) -> None:
    sound = gateway.config.read_text()
    upstream = {"p": {"base_url": provider.base_url, "api_key_env": "NO_SUCH_VARIABLE"}}
    edit_yaml(gateway.config, gateway.config, {"upstreams": upstream})
    refused = await gateway.command("reload")
    gateway.config.write_text(sound)
    edit_yaml(gateway.config, gateway.config, {"listen": "127.0.0.1:1", "name": "other"})
    waiting = await gateway.command("reload", "--json")
    async with gateway.client() as client:
        answer = await ask(client)

    assert refused.exit_code == 14
    assert "keeps what it runs with" in refused.stderr
    assert "NO_SUCH_VARIABLE" in refused.stderr
    assert json.loads(waiting.stdout)["restart_needed"] == ["name", "listen"]
    assert answer.choices[0].message.content == "fourty-two"


async def test_a_gateway_that_stops_ends_what_runs_and_refuses_the_rest(
    gateway: Gateway, provider: Provider
) -> None:
    async with _open_stream(gateway, provider) as (stream, go_on), gateway.client() as client:
        gateway.roles.signal("gateway", signal.SIGTERM)
        await asyncio.sleep(0.5)
        with pytest.raises(openai.APIConnectionError):
            await ask(client)
        go_on.set()
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
        code = await gateway.roles.wait_exit("gateway", timeout_s=10)

    assert text.endswith("end")
    assert code == 0


async def test_a_stream_that_does_not_end_does_not_hold_the_gateway(
    gateway: Gateway, provider: Provider
) -> None:
    edit_yaml(gateway.config, gateway.config, {"drain_s": 1})
    assert (await gateway.command("reload")).exit_code == 0
    async with _open_stream(gateway, provider) as (stream, _go_on):
        gateway.roles.signal("gateway", signal.SIGTERM)
        code = await gateway.roles.wait_exit("gateway", timeout_s=10)
        with pytest.raises((openai.APIError, httpx.HTTPError)):
            _ = [chunk async for chunk in stream]

    assert code == 0


async def test_reloading_what_does_not_run_is_said(gateway: Gateway) -> None:
    await gateway.roles.kill("gateway")

    refused = await gateway.command("reload")

    assert refused.exit_code == 41
    assert "no gateway" in refused.stderr


@asynccontextmanager
async def _open_stream(
    gateway: Gateway, provider: Provider
) -> AsyncIterator[tuple[Any, asyncio.Event]]:
    """A stream whose first text has arrived, and what lets the provider end it."""
    go_on = asyncio.Event()
    provider.queue.append(Script(pieces=("begin", "end"), hold=go_on))
    async with gateway.client(timeout=60) as client:
        stream = await ask(client, stream=True)
        async for chunk in stream:
            if chunk.choices[0].delta.content:
                break
        try:
            yield stream, go_on
        finally:
            go_on.set()
