"""`leeward/auto` with the shipped router: real daemon, real gateway, the stock client, verdicts."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI

from runtime.testing.faulty_house import CLOUD_MODEL, FaultyHouse, enrol_edge
from runtime.testing.local_roles import edit_yaml, leeward
from runtime.testing.scripted_provider import Script

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]

EASY = "What is the capital of France?\nA. Paris\nB. Rome\nC. Oslo\nD. Bern"
HARD = (
    "Statement 1| Every group of order p**2, where p is prime, is abelian. Statement 2| For a fixed"
    " prime p a Sylow p-subgroup of a group G is normal in G if and only if it is the only Sylow"
    " p-subgroup of G.\nA. True, True\nB. False, False\nC. True, False\nD. False, True"
)
ROUTING = {
    "graphs": {"ask-edge": "smaller", "ask-cloud": "larger"},
    "right_usd": 1.0,
    "learn": {"explore": 0.0, "most_shift": 0.5},
}
PRICES = [
    {"valid_from": "2026-01-01", "prompt_usd_per_mtok": 0.0, "completion_usd_per_mtok": 220.0}
]
"""At most 0.11 US dollars an answer: less than what is gained on HARD, more than on EASY."""


@dataclass(frozen=True, slots=True)
class Device:
    """An edge that routes."""

    config: Path
    url: str
    grpc: str

    def client(self) -> AsyncOpenAI:
        return AsyncOpenAI(base_url=self.url, api_key="none", max_retries=0)

    async def ask(self, text: str) -> Any:
        async with self.client() as client:
            return await client.chat.completions.with_raw_response.create(
                model="leeward/auto",
                messages=[{"role": "user", "content": text}],
                max_tokens=8,
            )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def device(house: FaultyHouse) -> AsyncIterator[Device]:
    config = house.layout.root / "routed.yaml"
    catalog = house.layout.root / "catalog.yaml"
    edit_yaml(
        catalog, config.with_name("routed-catalog.yaml"), {f"models.{CLOUD_MODEL}.prices": PRICES}
    )
    changes = {
        "catalog": "routed-catalog.yaml",
        "state": "routed-state",
        "listen": "127.0.0.1:0",
        "http": "127.0.0.1:0",
        "default_graph": "ask-edge",
        "routing": ROUTING,
    }
    edit_yaml(house.layout.edge_config, config, changes)
    cloud = {"grpc": house.gateway, "enrolment": house.enrolment}
    await enrol_edge(house.layout, config, cloud, environment=house.environment)
    served = await house.roles.serve("routed", "edge", config)
    yield Device(config, f"http://{served['http']}/v1", served["grpc"])


def zones(answer: Any) -> list[str]:
    receipt = json.loads(answer.text)["leeward"]["receipt"]
    return [step["zone"] for step in receipt["steps"]]


async def test_a_device_routes_and_learns_what_it_is_told(
    house: FaultyHouse, device: Device
) -> None:
    """One test: what is learned stays learned, so the order matters."""
    house.play(Script(pieces=("Answer: A",)))

    easy = await device.ask(EASY)
    named = await device.ask(f"Ms. Anna Kowalska asks: {HARD}")
    last, verdicts = await taught(device)

    assert zones(easy) == ["edge"]
    assert zones(named) == ["cloud"]
    assert json.loads(named.text)["leeward"]["receipt"]["graph"] == "ask-cloud"
    assert "Kowalska" not in str(house.provider.calls)
    assert verdicts
    assert zones(last) == ["edge"]
    shown = await leeward(
        "edge", "routing", "-c", str(device.config), "--json", environment=house.environment
    )
    (graph,) = [one for one in json.loads(shown.stdout)["graphs"] if one["graph"] == "ask-cloud"]
    assert (graph["verdicts"], graph["right"]) == (verdicts, 0)
    assert float(graph["moved_by"]) < 0


async def taught(device: Device) -> tuple[Any, int]:
    """Say that the cloud is wrong until the device asks it no more; return that answer."""
    async with httpx.AsyncClient(base_url=device.url) as http:
        for count in range(30):
            hard = await device.ask(HARD)
            if zones(hard) == ["edge"]:
                return hard, count
            asked = hard.headers["x-leeward-request-id"]
            told = await http.post("feedback", json={"request_id": asked, "verdict": "wrong"})
            assert told.json()["by_router"] is True
    raise AssertionError("thirty verdicts moved nothing")


async def test_a_verdict_on_a_labelled_request_teaches_nothing(device: Device) -> None:
    labelled = await device.ask("How old is Ms. Anna Kowalska?")
    asked = {"request_id": labelled.headers["x-leeward-request-id"], "verdict": "right"}

    async with httpx.AsyncClient(base_url=device.url) as http:
        refused = await http.post("feedback", json=asked)
        unknown = await http.post("feedback", json={**asked, "verdict": "excellent"})

    assert refused.status_code == 404
    assert unknown.status_code == 400


async def test_the_command_gives_a_verdict_too(house: FaultyHouse, device: Device) -> None:
    asked = (await device.ask(EASY)).headers["x-leeward-request-id"]
    arguments = ("edge", "feedback", asked, "right", "--address", device.grpc)

    first = await leeward(*arguments, environment=house.environment)
    second = await leeward(*arguments, environment=house.environment)

    assert first.exit_code == 0, first.stderr
    assert "taken by router" in first.stdout
    assert second.exit_code == 16
    assert "nothing waits for a verdict" in second.stderr


async def test_a_stock_client_learns_what_is_wrong_with_a_body(device: Device) -> None:
    async with device.client() as client:
        with pytest.raises(openai.BadRequestError):
            await client.post("/feedback", body={"request_id": "r"}, cast_to=object)
