"""A real gateway's second line and cache, as callers with keys and its operator see them."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml
from openai import AsyncOpenAI, PermissionDeniedError

from runtime.local.ports import free_port
from runtime.testing.local_roles import LocalRoles, leeward
from runtime.testing.scripted_provider import Provider, Script, running_provider

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

QUESTION = "What is the capital of France?"
REWORDED = "Could you tell me what's the capital of France?"
OPPOSITE = "What is not the capital of France?"
NAMED = "Patient Anna Kowalska takes 3 tablets a day."
CANARIES = ("Kowalska", "capital", "fourty")


@dataclass(slots=True)
class Gateway:
    """A gateway with two tenants' keys."""

    root: Path
    config: Path
    roles: LocalRoles
    provider: Provider
    addresses: dict[str, str]
    keys: dict[str, str]

    async def ask(self, text: str, *, tenant: str = "clinic", **headers: str) -> tuple[str, Any]:
        """Return what the cache's header says, and the completion."""
        async with self.client(tenant) as client:
            answer = await client.chat.completions.with_raw_response.create(
                model="big",
                messages=[{"role": "user", "content": text}],
                temperature=0,
                extra_headers={name.replace("_", "-"): value for name, value in headers.items()},
            )
        return answer.headers["x-leeward-cache"], answer.parse()

    def client(self, tenant: str) -> AsyncOpenAI:
        url = f"http://{self.addresses['http']}/v1"
        return AsyncOpenAI(base_url=url, api_key=self.keys[tenant], max_retries=0)

    async def command(self, *arguments: str) -> Any:
        ran = await leeward(
            "cloud", *arguments, "-c", str(self.config), "--json", environment=os.environ
        )
        assert ran.exit_code == 0, ran
        return json.loads(ran.stdout)

    async def metrics(self) -> str:
        async with httpx.AsyncClient() as http:
            return (await http.get(f"http://{self.addresses['metrics']}/metrics")).text

    def log(self) -> str:
        return self.roles.log("gateway").read_text()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    root = tmp_path_factory.mktemp("guard")
    async with running_provider() as provider, running_provider() as encoder:
        encoder.script = Script(vectors=((1.0, 0.0), (1.0, 0.0)))  # all texts are alike to it
        config = root / "cloud.yaml"
        fields = {
            "leeward": "cloud/v1",
            "listen": f"127.0.0.1:{free_port()}",
            "enrolment": f"127.0.0.1:{free_port()}",
            "upstreams": {
                "p": {"base_url": provider.base_url, "api_key_env": "PROVIDER_KEY"},
                "e": {"base_url": encoder.base_url, "api_key_env": "PROVIDER_KEY"},
            },
            "models": {
                "big": {"targets": [{"upstream": "p", "model": "m"}]},
                "encoder": {"embeddings": True, "targets": [{"upstream": "e", "model": "m"}]},
            },
            "http": {"listen": f"127.0.0.1:{free_port()}"},
            "metrics": {"listen": f"127.0.0.1:{free_port()}"},
            "cache": {"models": {"big": {"same_question": {"encoder": "encoder"}}}},
        }
        config.write_text(yaml.safe_dump(fields))
        roles = LocalRoles(root, os.environ | {"PROVIDER_KEY": "k"})
        running = Gateway(root, config, roles, provider, {}, {})
        for tenant in ("clinic", "bank"):
            await running.command("tenant", "create", tenant)
            made = await running.command("key", "create", "app", "--tenant", tenant)
            running.keys[tenant] = made["key"]
        running.addresses = await roles.serve("gateway", "cloud", config)
        yield running
        await roles.close()


async def test_an_answer_is_kept_for_its_tenant_and_for_the_same_question(
    gateway: Gateway,
) -> None:
    gateway.provider.calls.clear()
    gateway.provider.script = Script()

    first, again = await gateway.ask(QUESTION), await gateway.ask(QUESTION)
    reworded, opposite = await gateway.ask(REWORDED), await gateway.ask(OPPOSITE)
    elsewhere = await gateway.ask(QUESTION, tenant="bank")
    anew = await gateway.ask(QUESTION, cache_control="no-cache")
    apart = await gateway.ask(QUESTION, cache_control="no-store")

    states = [state for state, _ in (first, again, reworded, opposite, elsewhere, anew, apart)]
    assert states == ["miss", "hit", "hit", "miss", "miss", "miss", "off"]
    assert again[1].choices[0].message.content == "fourty-two"
    assert again[1].usage.prompt_tokens_details.cached_tokens == again[1].usage.prompt_tokens
    assert len(gateway.provider.calls) == 5


async def test_a_hit_streams_and_is_one_record_that_costs_nothing(gateway: Gateway) -> None:
    gateway.provider.script = Script()
    await gateway.ask("What is a hit?")
    before = await gateway.command("usage")

    async with gateway.client("clinic") as client:
        stream = await client.chat.completions.create(
            model="big",
            messages=[{"role": "user", "content": "What is a hit?"}],
            temperature=0,
            stream=True,
        )
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    after = await gateway.command("usage")

    assert text == "fourty-two"
    assert sum(row["calls"] for row in after) == sum(row["calls"] for row in before) + 1
    assert sum(row["cached"] for row in after) == sum(row["cached"] for row in before) + 1


async def test_content_above_the_clearance_is_refused_recorded_and_nowhere_written(
    gateway: Gateway,
) -> None:
    gateway.provider.calls.clear()

    with pytest.raises(PermissionDeniedError) as refused:
        await gateway.ask(NAMED)
    async with gateway.client("clinic") as client:
        with pytest.raises(PermissionDeniedError):
            await client.embeddings.create(model="encoder", input=["hello", NAMED])
    shown = await gateway.metrics()
    audited = await _audited(gateway, "content_refused")

    assert isinstance(refused.value.body, dict)
    assert refused.value.body["code"] == "ContentRefused"
    assert "1 person" in refused.value.body["message"]
    assert gateway.provider.calls == []
    assert 'leeward_inspections_total{outcome="refused"} 2.0' in shown
    assert 'categories_total{category="person",outcome="refused"} 2.0' in shown
    told = [str(refused.value), shown, gateway.log(), json.dumps(audited)]
    written = [file.read_bytes() for file in gateway.root.rglob("*") if file.is_file()]
    assert not any(canary in text for text in told for canary in CANARIES)
    assert not any(canary.encode() in data for data in written for canary in CANARIES)


async def _audited(gateway: Gateway, action: str) -> Any:
    """Return the audit trail once it holds ``action``: notes are counted together for seconds."""
    async with asyncio.timeout(30):
        while True:
            audited = await gateway.command("audit", "list")
            if action in json.dumps(audited):
                return audited
            await asyncio.sleep(0.5)


async def test_the_metrics_count_hits_misses_and_bytes(gateway: Gateway) -> None:
    await gateway.ask("What is counted?")
    await gateway.ask("What is counted?")

    shown = await gateway.metrics()

    assert 'leeward_cache_lookups_total{outcome="exact"}' in shown
    assert 'leeward_cache_lookups_total{outcome="miss"}' in shown
    assert "leeward_cache_size_bytes" in shown
