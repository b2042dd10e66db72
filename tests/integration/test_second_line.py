"""A misconfigured edge is caught by the gateway: what it should have kept reaches no provider.

Real daemon, real gateway, mutual TLS between them; the edge's policy says that the cloud may see
everything, the gateway's says otherwise.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from runtime.errors import ContentRefused
from runtime.testing.faulty_house import FaultyHouse, ask, enrol_edge
from runtime.testing.local_roles import edit_yaml
from runtime.testing.scripted_provider import Script

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]

ASKED = "Patient Anna Kowalska takes 3 tablets a day. How many a week?"
CANARIES = ("Anna", "Kowalska", "tablets")
LAX = """\
leeward: policy/v1
categories: {{person: public, contact: public, health: public}}
clearance: {{edge: restricted, cloud: restricted}}
when_unsure: restricted
cloud_away: {cloud_away}
"""


@dataclass(frozen=True, slots=True)
class LaxEdges:
    """Two edges that send everything as it is."""

    refusing: str
    """Has no way but the cloud."""
    falling_back: str


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lax(house: FaultyHouse) -> AsyncIterator[LaxEdges]:
    targets = {}
    for cloud_away in ("refuse", "edge_only"):
        root, name = house.layout.root, f"lax-{cloud_away}".replace("_", "-")
        (root / f"{name}-policy.yaml").write_text(LAX.format(cloud_away=cloud_away))
        config = root / f"{name}.yaml"
        changes = {"policy": f"{name}-policy.yaml", "state": f"{name}-state"}
        edit_yaml(house.layout.edge_config, config, changes)
        cloud = {"grpc": house.gateway, "enrolment": house.enrolment}
        await enrol_edge(house.layout, config, cloud, environment=house.environment)
        targets[cloud_away] = (await house.roles.serve(name, "edge", config))["grpc"]
    yield LaxEdges(refusing=targets["refuse"], falling_back=targets["edge_only"])
    for name in ("lax-refuse", "lax-edge-only"):
        await house.roles.kill(name)


async def test_the_caller_is_told_what_was_found_and_the_provider_nothing(
    house: FaultyHouse, lax: LaxEdges
) -> None:
    house.play(Script())

    with pytest.raises(ContentRefused) as refused:
        await ask(lax.refusing, "ask-cloud", ASKED)

    assert refused.value.found == {"person": 1}
    assert not any(canary in str(refused.value) for canary in CANARIES)
    assert house.provider.calls == []


async def test_an_edge_that_may_answers_itself_and_says_that_content_left(
    house: FaultyHouse, lax: LaxEdges
) -> None:
    house.play(Script())

    told = await ask(lax.falling_back, "ask-cloud", ASKED)

    assert [event.error for event in told.fell_back] == ["ContentRefused"]
    assert told.receipt.left_the_edge
    assert house.provider.calls == []


async def test_an_edge_that_releases_first_is_answered_by_the_cloud(house: FaultyHouse) -> None:
    house.play(Script())

    told = await ask(house.edge, "ask-cloud", ASKED)

    assert told.receipt.steps[0].node == "cloud"
    assert len(house.provider.calls) == 1


async def test_the_gateway_logs_the_alarm_without_the_content(
    house: FaultyHouse, lax: LaxEdges
) -> None:
    with pytest.raises(ContentRefused):
        await ask(lax.refusing, "ask-cloud", ASKED)

    log = house.roles.log("cloud").read_text()

    assert '"event":"content_above_clearance"' in log
    assert '"categories":["person"]' in log
    assert not any(canary in log for canary in CANARIES)
