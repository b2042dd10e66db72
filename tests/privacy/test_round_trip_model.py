"""What only the model finds is released as placeholders too, and comes back exactly."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.privacy.releases import EdgeReleases
from edge.privacy.vault import Vault
from runtime.clock import SystemClock
from runtime.ids import PlanId, RequestId, SessionId, StepId
from runtime.ports import ChatMessage, Provenance
from runtime.sentinel.categories import KINDS, LOCATION, PERSON, PLACE
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.scan import Sentinel
from runtime.sentinel.tagger.model import BUILT_IN

SENTINEL = Sentinel(default_detectors(model=BUILT_IN, asked=KINDS.values()), timeout_s=60.0)
WHO = Provenance(RequestId("r"), SessionId("s"), PlanId("p"), StepId("s"))
REMOVED = frozenset({PERSON, LOCATION, PLACE})


@pytest.fixture
def releases(tmp_path: Path) -> Iterator[EdgeReleases]:
    with closing(Vault(tmp_path, clock=SystemClock())) as vault:
        yield EdgeReleases(SENTINEL, vault, clock=SystemClock())


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (
            "did you tell Oluwaseun Adebayo that Adebayo's flat is free?",
            "did you tell <PERSON_1> that <PERSON_1b>'s flat is free?",
        ),
        (
            "Dr. Xylo Brant saw Ann Tanaka in Ouagadougou. Brant was content.",
            "<PERSON_1> saw <PERSON_2> in <PLACE_1>. <PERSON_1b> was content.",
        ),
    ],
)
async def test_a_name_without_a_pattern_is_replaced_and_restored(
    releases: EdgeReleases, text: str, left: str
) -> None:
    (message,), _ = await releases.release([ChatMessage("user", text)], REMOVED, WHO)

    assert message.content == left
    assert not (await SENTINEL.scan(left)).label.categories & REMOVED
    assert await releases.restore(left, WHO) == text
