"""A device takes what an operator has signed, and comes back from what does not work."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bench.fleet_state_world import FleetWorld, running_fleet

pytestmark = pytest.mark.timeout(400)
LONG = "one two three four five " * 20
POLICY = """\
leeward: policy/v1
categories: {person: restricted}
clearance: {edge: restricted, cloud: public}
when_unsure: restricted
"""


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[FleetWorld]:
    async with running_fleet(tmp_path) as world:
        yield world


async def test_a_state_is_taken_kept_and_left_again_when_the_next_one_does_not_work(
    fleet: FleetWorld,
) -> None:
    good, bad = fleet.model_file(1), fleet.model_file(2)
    checks = [{"model": "slm", "ask": "Hello", "max_tokens": 2}]
    async with fleet.edge():
        assert await fleet.ask() == "answered"

        first = await fleet.roll_out(
            1, {"models": {"slm": fleet.model(good)}}, checks=checks, health={"probation_s": 0.5}
        )
        assert await fleet.outcome(first) == "runs"
        assert await fleet.ask() == "answered"

        wanted = fleet.model(bad)
        bad.write_bytes(bad.read_bytes()[:-4096])
        second = await fleet.roll_out(2, {"models": {"slm": wanted}})
        assert await fleet.outcome(second) == "refused"  # it is not the content that was signed
        assert await fleet.ask() == "answered"

        # It loads and answers the probe; real questions do not fit it.
        small = fleet.model(good, context_tokens=24, cache_tokens=24, slots=1)
        third = await fleet.roll_out(3, {"models": {"slm": small}}, health={"probation_s": 60.0})
        answers = set()
        while fleet.pointer()["outcome"] != "failed" or fleet.pointer()["taken"] != 2 * third:
            answers.add(await fleet.ask(LONG))
        assert "ContextOverflow" in answers
        await fleet.wait_answered(LONG)
        assert await fleet.outcome(third) == "failed"

    current = fleet.pointer()["current"]
    assert (current["revision"], current["name"]) == (1, "bench")
    standing = (await fleet.state.fleet.standings())[0]
    assert standing.labels == {"site": "waw"}
    assert standing.calls > 0
    (told,) = await fleet.state.fleet.telemetry()
    assert told.counts["failed.ContextOverflow"] > 0
    assert sum(count for name, count in told.counts.items() if name.startswith("total_s.")) > 0
    assert standing.host is not None
    assert standing.host["disk_free_mib"] > 0


async def test_what_is_changed_on_the_disk_is_never_read_and_a_start_needs_no_gateway(
    tmp_path: Path,
) -> None:
    async with running_fleet(tmp_path) as fleet:
        async with fleet.edge():
            policy = {"text": POLICY}
            number = await fleet.roll_out(1, {"policy": policy}, health={"probation_s": 0})
            assert await fleet.outcome(number) == "runs"
        folder = tmp_path / "edge-state" / "fleet" / "generations" / str(2 * number)
        (folder / "policy.yaml").write_text(POLICY.replace("public", "restricted"))

    async with fleet.edge():
        assert fleet.pointer()["current"]["revision"] == 1
        assert (folder / "policy.yaml").read_text() == POLICY
