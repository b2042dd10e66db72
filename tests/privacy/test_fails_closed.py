"""Whatever fails, nothing leaves: detectors that crash or hang, a full disk, a ledger that is gone.

The real edge, up to the far side of its gate. A full disk is the system's own refusal to let any
file grow (``RLIMIT_FSIZE``).
"""

import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bench.noninterference_house import (
    ASK_CLOUD,
    RULES,
    House,
    Outcome,
    World,
    opened_house,
    run_once,
)
from runtime.collaboration.collaboration import CollaborationRequest
from runtime.collaboration.graphs import Inline
from runtime.errors import LeewardError
from runtime.executor.events import RunFinished
from runtime.ids import RequestId
from runtime.labels import Level
from runtime.policy.model import WhenUnsure
from runtime.ports import ChatMessage
from runtime.sentinel.span import Span

PERSONAL = "Patient Anna Kowalska takes 2 tablets. How many in a week?"
PUBLIC = "How many hours has a week?"
TEXTS = pytest.mark.parametrize("text", [PERSONAL, PUBLIC], ids=["personal", "public"])


@dataclass
class Failing:
    """A detector that works a number of times and then does not."""

    works: int = 0
    hangs: bool = False
    name: str = "failing"
    kinds: frozenset[str] = frozenset()
    calls: int = 0
    release: threading.Event = field(default_factory=threading.Event)

    def detect(self, text: str) -> list[Span]:
        self.calls += 1
        if self.calls <= self.works:
            return []
        if self.hangs:
            self.release.wait(5)
            return []
        raise ValueError(f"cannot read {len(text)} characters")


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file of this process grow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def answered(house: House, text: str, number: int = 1) -> str:
    """Run one request; return what failed, or nothing."""
    request = CollaborationRequest(
        choice=Inline(ASK_CLOUD),
        messages=(ChatMessage("user", text),),
        request_id=RequestId(f"{number:032x}"),
        deadline_s=20.0,
    )
    try:
        async for event in house.collaboration.run(request):
            if isinstance(event, RunFinished):
                return ""
    except LeewardError as error:
        return type(error).__name__
    return "no end"


async def through(tmp_path: Path, world: World, text: str) -> Outcome:
    root = tmp_path / "house"
    root.mkdir()
    return await run_once(root, tmp_path / "keys", ASK_CLOUD, [text], world=world)


@TEXTS
@pytest.mark.parametrize("works", [0, 1, 2, 3])
async def test_a_detector_that_crashes_at_any_time_lets_nothing_out(
    tmp_path: Path, text: str, works: int
) -> None:
    detector = Failing(works)

    outcome = await through(tmp_path, replace(RULES, detectors=(detector,)), text)

    if detector.calls > works:
        assert outcome.passages == []
        assert outcome.answer or outcome.failure
    else:
        assert len(outcome.passages) == 1  # it was not asked often enough to fail


@TEXTS
@pytest.mark.parametrize("works", [0, 1])
async def test_a_detector_that_hangs_lets_nothing_out(
    tmp_path: Path, text: str, works: int
) -> None:
    detector = Failing(works, hangs=True)
    world = replace(RULES, detectors=(detector,), scan_timeout_s=0.5)

    outcome = await through(tmp_path, world, text)
    detector.release.set()

    assert outcome.passages == []
    assert outcome.answer or outcome.failure


async def test_a_policy_may_refuse_what_no_detector_judged(tmp_path: Path) -> None:
    refusing = replace(RULES.policy, when_unsure=WhenUnsure(Level.RESTRICTED, refuse=True))
    world = replace(RULES, policy=refusing, detectors=(Failing(),))

    outcome = await through(tmp_path, world, PUBLIC)

    assert (outcome.failure, outcome.answer, outcome.passages) == ("DetectionFailed", "", [])


@TEXTS
async def test_on_a_full_disk_nothing_leaves_now_and_nothing_unrecorded_later(
    tmp_path: Path, text: str
) -> None:
    root = tmp_path / "house"
    root.mkdir()
    async with opened_house(root, tmp_path / "keys") as house:
        with full_disk():
            failed = await answered(house, text)
            during = list(house.recorder.passages)
        after = await answered(house, text, number=2)
        passed = len(house.recorder.passages)

    assert during == []
    assert failed == ("VaultLocked" if text is PERSONAL else "LedgerUnavailable")
    recorded = b"".join(file.read_bytes() for file in (root / "ledger").glob("*.jsonl"))
    assert recorded.count(b'"kind":"content"') == passed
    # A ledger that failed once is not written on before the next start; a vault may recover.
    assert after == ("" if text is PERSONAL else "LedgerUnavailable")


async def test_without_its_ledger_nothing_leaves(tmp_path: Path) -> None:
    root = tmp_path / "house"
    root.mkdir()
    async with opened_house(root, tmp_path / "keys") as house:
        before = await answered(house, PUBLIC)
        await house.approvals._ledger.close()
        after = await answered(house, PUBLIC, number=2)

    assert before == ""
    assert len(house.recorder.passages) == 1
    assert after in ("", "LedgerUnavailable")


async def test_without_its_vault_nothing_that_needs_it_leaves(tmp_path: Path) -> None:
    root = tmp_path / "house"
    root.mkdir()
    async with opened_house(root, tmp_path / "keys") as house:
        house.releases._sessions._vault.close()
        personal = await answered(house, PERSONAL)
        public = await answered(house, PUBLIC, number=2)

    assert personal in ("", "VaultLocked")
    assert public == ""
    assert len(house.recorder.passages) == 1
    assert b"Kowalska" not in house.recorder.passages[0]
