import json
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.privacy.book import Entry
from edge.privacy.keyring import Keyring
from edge.privacy.vault import Vault
from runtime.errors import VaultLocked
from runtime.ids import SessionId

ONE = SessionId("one")
TWO = SessionId("two")
ANNA = Entry("<PERSON_1>", "Anna Kowalska")
PHONE = Entry("<PHONE_1>", "+48 601 234 567")


class SteppedClock:
    """Moves only when told to."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        return self.at.timestamp()


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def vault(tmp_path: Path, clock: SteppedClock) -> Iterator[Vault]:
    with closing(Vault(tmp_path / "vault", clock=clock, ttl_s=100)) as opened:
        yield opened


def reopened(tmp_path: Path, clock: SteppedClock) -> Vault:
    return Vault(tmp_path / "vault", clock=clock, ttl_s=100)


def test_entries_come_back_in_order_and_per_session(vault: Vault) -> None:
    vault.add(ONE, [ANNA])
    vault.add(ONE, [PHONE])
    vault.add(TWO, [Entry("<PERSON_1>", "Jonas Berg")])

    assert vault.load(ONE) == (ANNA, PHONE)
    assert vault.load(TWO) == (Entry("<PERSON_1>", "Jonas Berg"),)


def test_any_unicode_value_survives(vault: Vault) -> None:
    strange = Entry("<PERSON_1>", "Zażółć \ud800 \0 \n 👩‍⚕️")

    vault.add(ONE, [strange])

    assert vault.load(ONE) == (strange,)


def test_files_are_for_their_owner_only(vault: Vault, tmp_path: Path) -> None:
    vault.add(ONE, [ANNA])

    folder = tmp_path / "vault"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_entries_survive_a_restart(vault: Vault, tmp_path: Path, clock: SteppedClock) -> None:
    vault.add(ONE, [ANNA])
    vault.close()

    with closing(reopened(tmp_path, clock)) as again:
        assert again.load(ONE) == (ANNA,)


def test_a_session_expires_after_its_last_use(vault: Vault, clock: SteppedClock) -> None:
    vault.add(ONE, [ANNA])
    clock.at += timedelta(seconds=90)
    vault.add(ONE, [])
    clock.at += timedelta(seconds=90)
    alive = vault.load(ONE)
    clock.at += timedelta(seconds=10)

    assert alive == (ANNA,)
    assert vault.load(ONE) == ()
    assert vault.purge() == 1


def test_an_expired_placeholder_can_be_used_again_before_any_purge(
    vault: Vault, clock: SteppedClock
) -> None:
    vault.add(ONE, [ANNA])
    clock.at += timedelta(seconds=100)

    vault.add(ONE, [Entry("<PERSON_1>", "Jonas Berg")])

    assert vault.load(ONE) == (Entry("<PERSON_1>", "Jonas Berg"),)


def test_forgetting_removes_one_session_only(vault: Vault) -> None:
    vault.add(ONE, [ANNA, PHONE])
    vault.add(TWO, [ANNA])

    assert vault.forget(ONE) == 2
    assert vault.load(ONE) == ()
    assert vault.load(TWO) == (ANNA,)


def test_rotation_keeps_entries_and_removes_the_old_key(
    vault: Vault, tmp_path: Path, clock: SteppedClock
) -> None:
    vault.add(ONE, [ANNA])
    before = vault.key_id

    after = vault.rotate()

    keys = Keyring(tmp_path / "vault" / "vault.keys").load()
    assert [key.id for key in keys] == [after] != [before]
    assert vault.load(ONE) == (ANNA,)
    vault.close()
    with closing(reopened(tmp_path, clock)) as again:
        assert again.load(ONE) == (ANNA,)


def test_a_rotation_that_was_cut_off_before_the_database_is_completed(
    vault: Vault, tmp_path: Path, clock: SteppedClock
) -> None:
    vault.add(ONE, [ANNA])
    vault.close()
    keyring = Keyring(tmp_path / "vault" / "vault.keys")
    (old,) = keyring.load()
    keyring.store(fresh := Keyring.new_key(), old)

    with closing(reopened(tmp_path, clock)) as again:
        assert again.key_id == fresh.id
        assert again.load(ONE) == (ANNA,)
    assert [key.id for key in keyring.load()] == [fresh.id]


def test_a_rotation_that_was_cut_off_after_the_database_is_completed(
    vault: Vault, tmp_path: Path, clock: SteppedClock
) -> None:
    vault.add(ONE, [ANNA])
    keyring = Keyring(tmp_path / "vault" / "vault.keys")
    (old,) = keyring.load()
    vault.rotate()
    vault.close()
    (fresh,) = keyring.load()
    keyring.store(fresh, old)

    with closing(reopened(tmp_path, clock)) as again:
        assert again.load(ONE) == (ANNA,)
    assert [key.id for key in keyring.load()] == [fresh.id]


def test_a_missing_key_locks_the_vault_and_none_is_made(
    vault: Vault, tmp_path: Path, clock: SteppedClock
) -> None:
    vault.close()
    (tmp_path / "vault" / "vault.keys").unlink()

    with pytest.raises(VaultLocked, match="cannot be read"):
        reopened(tmp_path, clock)
    assert not (tmp_path / "vault" / "vault.keys").exists()


def test_a_foreign_key_locks_the_vault(vault: Vault, tmp_path: Path, clock: SteppedClock) -> None:
    vault.close()
    Keyring(tmp_path / "vault" / "vault.keys").create()

    with pytest.raises(VaultLocked, match="does not fit"):
        reopened(tmp_path, clock)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"format": "leeward-keyring/v1"}'])
def test_a_damaged_key_file_locks_the_vault(
    vault: Vault, tmp_path: Path, clock: SteppedClock, content: bytes
) -> None:
    vault.close()
    (tmp_path / "vault" / "vault.keys").write_bytes(content)

    with pytest.raises(VaultLocked, match="damaged"):
        reopened(tmp_path, clock)


def test_a_key_file_that_others_can_read_is_refused(
    vault: Vault, tmp_path: Path, clock: SteppedClock
) -> None:
    vault.close()
    (tmp_path / "vault" / "vault.keys").chmod(0o640)

    with pytest.raises(VaultLocked, match="chmod 600"):
        reopened(tmp_path, clock)


def test_a_damaged_database_is_a_named_error(
    vault: Vault, tmp_path: Path, clock: SteppedClock
) -> None:
    vault.close()
    (tmp_path / "vault" / "vault.sqlite").write_bytes(b"not a database" * 500)

    with pytest.raises(VaultLocked, match="move it aside"):
        reopened(tmp_path, clock)


def test_a_database_without_its_key_check_is_refused(
    vault: Vault, tmp_path: Path, clock: SteppedClock
) -> None:
    vault.add(ONE, [ANNA])
    vault.close()
    with closing(sqlite3.connect(tmp_path / "vault" / "vault.sqlite")) as raw, raw:
        raw.execute("DELETE FROM meta")

    with pytest.raises(VaultLocked, match="no key check"):
        reopened(tmp_path, clock)


def test_rows_swapped_on_disk_do_not_open(vault: Vault, tmp_path: Path) -> None:
    vault.add(ONE, [ANNA, Entry("<PERSON_2>", "Jonas Berg")])
    with closing(sqlite3.connect(tmp_path / "vault" / "vault.sqlite")) as raw, raw:
        raw.execute("UPDATE entries SET placeholder = '<PERSON_9>' WHERE position = 1")
        raw.execute("UPDATE entries SET placeholder = '<PERSON_1>' WHERE position = 2")

    with pytest.raises(VaultLocked, match="does not fit"):
        vault.load(ONE)


def test_adding_is_all_or_nothing(vault: Vault) -> None:
    vault.add(ONE, [ANNA])

    with pytest.raises(VaultLocked):
        vault.add(ONE, [PHONE, Entry("<PERSON_1>", "again")])
    assert vault.load(ONE) == (ANNA,)


def test_a_key_never_shows_itself(tmp_path: Path) -> None:
    key = Keyring(tmp_path / "keys").create()

    stored = json.loads((tmp_path / "keys").read_text())
    assert stored["keys"][0]["key"] not in repr(key)
    assert repr(key.secret) not in repr(key)
