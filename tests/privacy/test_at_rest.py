"""DESIGN promise 6: no original is ever on disk in the clear, whatever the vault goes through."""

import base64
import logging
from contextlib import closing
from pathlib import Path

import pytest

from edge.privacy.releases import EdgeReleases
from edge.privacy.vault import Vault
from runtime.clock import SystemClock
from runtime.ids import PlanId, RequestId, SessionId, StepId
from runtime.ports import ChatMessage, Provenance
from runtime.sentinel.categories import CONTACT, IDENTITY, PERSON
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.scan import Sentinel

NAME = "Canaria Kanarienvogel"
MAIL = "canary-7f3a@example.org"
SESSION = "session-of-canary-9c1e"
TEXT = f"Patient {NAME}, {MAIL}, born 12.03.1980."
CANARIES = [NAME, "Kanarienvogel", MAIL, SESSION, "12.03.1980"]
WHERE = Provenance(RequestId("r"), SessionId(SESSION), PlanId("p"), StepId("s"))
REMOVED = frozenset({PERSON, CONTACT, IDENTITY})


def encodings(canary: str) -> list[bytes]:
    """Forms in which a careless writer could leave a value behind."""
    plain = canary.encode()
    return [plain, canary.encode("utf-16-le"), base64.b64encode(plain), plain.hex().encode()]


def found_on_disk(folder: Path) -> list[tuple[str, str]]:
    """Name every file under ``folder`` that shows a canary, its own name included."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert files
    return [
        (file.name, canary)
        for file in files
        for canary in CANARIES
        for form in encodings(canary)
        if form in file.read_bytes() or canary in str(file)
    ]


def everything_in(folder: Path) -> bytes:
    """Return the bytes of all files, one after another."""
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))


async def used(vault: Vault) -> None:
    releases = EdgeReleases(Sentinel(default_detectors()), vault, clock=SystemClock())
    released, _ = await releases.release([ChatMessage("user", TEXT)], REMOVED, WHERE)
    assert released[0].content == "Patient <PERSON_1>, <EMAIL_1>, born <DATE_OF_BIRTH_1>."
    assert await releases.restore(released[0].content, WHERE) == TEXT


async def test_no_file_shows_an_original_while_the_vault_is_open(tmp_path: Path) -> None:
    with closing(Vault(tmp_path, clock=SystemClock())) as vault:
        await used(vault)

        assert (tmp_path / "vault.sqlite-wal").exists()
        assert found_on_disk(tmp_path) == []


async def test_no_file_shows_an_original_after_rotation_forgetting_and_closing(
    tmp_path: Path,
) -> None:
    with closing(Vault(tmp_path, clock=SystemClock())) as vault:
        await used(vault)
        vault.rotate()
        rotated = found_on_disk(tmp_path)
        vault.forget(SessionId(SESSION))

    assert rotated == []
    assert found_on_disk(tmp_path) == []


async def test_forgetting_wipes_the_ciphertext_too(tmp_path: Path) -> None:
    with closing(Vault(tmp_path, clock=SystemClock())) as vault:
        await used(vault)
        with vault._database.transaction():
            sealed = [
                row[0] for row in vault._database.connection.execute("SELECT sealed FROM entries")
            ]

        vault.forget(SessionId(SESSION))

        left = everything_in(tmp_path)
        assert len(sealed) == 3
        assert not any(secret in left for secret in sealed)


async def test_no_log_line_shows_an_original(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with closing(Vault(tmp_path, clock=SystemClock())) as vault:
        await used(vault)

    shown = "".join(str(vars(record)) for record in caplog.records)
    assert not any(canary in shown for canary in CANARIES)


async def test_the_canaries_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "careless.tmp").write_bytes(base64.b64encode(MAIL.encode()))

    assert found_on_disk(tmp_path) == [("careless.tmp", MAIL)]
