"""Whether people of the history books pass the second line is for its operator to say."""

import pytest

from runtime.errors import ContentRefused
from tests.unit.cloud.inspection.test_inspector import Alarms, asking, inspecting

QUESTION = "Who was Marie Curie?"


async def test_who_is_known_to_history_passes() -> None:
    call = asking(QUESTION)

    with inspecting(Alarms()) as inspector:
        assert await inspector.inspect(call) is call


@pytest.mark.parametrize(
    "keys", [{"commonplaces": "keep"}, {"categories": {"person": "restricted"}}]
)
async def test_a_gateway_may_be_told_to_keep_them(keys: dict[str, object]) -> None:
    with inspecting(Alarms(), **keys) as inspector, pytest.raises(ContentRefused):
        await inspector.inspect(asking(QUESTION))
