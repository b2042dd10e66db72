"""Promise 6 for every release: whichever way down is taken, no file of the edge shows an original.

The house is the edge's own parts over fakes for models; its ledger, vault and approvals are files.
"""

import base64
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.noninterference_house import RULES, World
from runtime.policy.document import parse_policy
from runtime.ports import ChatMessage
from tests.privacy.test_approvals import POLICY, running
from tests.privacy.test_nothing_leaks import spellings

NAME = "Zbigniewa Quillfeather"
MAIL = "zq.canary@example.org"
TEXT = f"Patient {NAME} ({MAIL}) has diabetes and takes 2 tablets. How many in a week?"
CLEARED = f"Patient {NAME} ({MAIL}) takes 2 tablets. How many in a week?"
CANARIES = (NAME, "Quillfeather", MAIL, "diabetes", "tablets")


class Abstracter:
    """Writes what a model of the device would: an abstract without anybody in it."""

    async def write(self, messages: Sequence[ChatMessage], *_: object, **__: object) -> str:
        return "Somebody takes 2 of something a day. How many in a week?"


def policy(*, health: str, more: str = "") -> str:
    return POLICY.replace("by: approval", f"by: {health}") + more


WAYS = {
    "approval": (policy(health="approval", more="approvals: {wait_s: 5}\n"), TEXT),
    "surrogates": (policy(health="approval", more="placeholders: surrogates\n"), CLEARED),
    "generalise": (policy(health="generalise"), TEXT),
    "sketch": (policy(health="sketch"), TEXT),
}


def traces(folder: Path) -> list[tuple[str, str]]:
    """Name every file below ``folder`` in which a canary stands, in whatever spelling."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert any(file.stat().st_size for file in files)
    return [
        (str(file.relative_to(folder)), canary)
        for file in files
        for canary in CANARIES
        if any(form in file.read_bytes() for form in spellings(canary))
    ]


@pytest.mark.parametrize("way", sorted(WAYS))
async def test_no_file_shows_an_original(tmp_path: Path, way: str) -> None:
    rules, text = WAYS[way]
    sketcher = Abstracter() if way == "sketch" else None
    furnished = World(parse_policy(rules), RULES.catalog, sketcher=sketcher)

    async with running(tmp_path, furnished, text) as started:
        if way == "approval":
            approval = await started.asked()
            waiting = traces(started.root)
            assert await started.house.approvals.decide(approval, approved=True, decided_by="dr")
            assert waiting == []
        receipt = await started.task
        assert started.house.recorder.passages, "nothing left, so nothing was tried"
        assert traces(started.root) == []

    assert traces(started.root) == []
    assert way in {"surrogates", *(release.by for release in receipt.releases)}


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    (tmp_path / "careless.tmp").write_bytes(base64.b64encode(f"xx{MAIL}".encode()))

    assert traces(tmp_path) == [("careless.tmp", MAIL)]
