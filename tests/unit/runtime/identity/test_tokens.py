import logging
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runtime.errors import ConfigInvalid, TokenRefused
from runtime.identity.authority import CertificateAuthority
from runtime.identity.token_file import JoinTokenFile, load_token_file, store_token_file
from runtime.identity.tokens import SqliteTokenStore
from runtime.ids import DeviceId


class SettableClock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def monotonic_s(self) -> float:
        return 0.0


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def store(tmp_path: Path, clock: SettableClock) -> SqliteTokenStore:
    return SqliteTokenStore(tmp_path / "state" / "tokens.sqlite", clock=clock)


def test_a_token_serves_once(store: SqliteTokenStore) -> None:
    token = store.create(lifetime_s=60)

    assert store.redeem(token.text) == token.device_id

    with pytest.raises(TokenRefused):
        store.redeem(token.text)


def test_a_token_can_name_its_device(store: SqliteTokenStore) -> None:
    token = store.create(lifetime_s=60, device_id=DeviceId("ward-3"))

    assert store.redeem(token.text) == "ward-3"
    with pytest.raises(ConfigInvalid):
        store.create(lifetime_s=60, device_id=DeviceId("ward 3"))


def test_an_expired_token_is_refused(store: SqliteTokenStore, clock: SettableClock) -> None:
    token = store.create(lifetime_s=60)
    clock.moment += timedelta(seconds=60)

    with pytest.raises(TokenRefused):
        store.redeem(token.text)


def test_a_token_serves_one_of_many_that_try_at_once(store: SqliteTokenStore) -> None:
    token = store.create(lifetime_s=60)

    def attempt(_: int) -> bool:
        try:
            store.redeem(token.text)
        except TokenRefused:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(16))) == 1


def test_a_wrong_secret_does_not_use_the_token_up(store: SqliteTokenStore) -> None:
    token = store.create(lifetime_s=60)

    with pytest.raises(TokenRefused):
        store.redeem(token.text[:-1] + ("A" if token.text[-1] != "A" else "B"))

    assert store.redeem(token.text) == token.device_id


def test_every_refusal_reads_the_same_and_the_log_tells_them_apart(
    store: SqliteTokenStore, clock: SettableClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    used = store.create(lifetime_s=3600)
    store.redeem(used.text)
    expired = store.create(lifetime_s=1)
    clock.moment += timedelta(seconds=2)
    bad = [used.text, expired.text, "lwjoin.0123456789abcdef.zzzz", "", "x", "ż" * 500, "a.b.c"]

    texts = set()
    for text in bad:
        with pytest.raises(TokenRefused) as refused:
            store.redeem(text)
        texts.add(str(refused.value))

    assert len(texts) == 1
    reasons = [vars(record)["reason"] for record in caplog.records]
    assert reasons == ["used", "expired", *["unknown"] * 5]
    assert used.text.rpartition(".")[2] not in str([vars(record) for record in caplog.records])


def test_only_a_hash_of_the_secret_is_kept(store: SqliteTokenStore, tmp_path: Path) -> None:
    token = store.create(lifetime_s=60)

    kept = b"".join(file.read_bytes() for file in (tmp_path / "state").iterdir())

    assert token.text.rpartition(".")[2].encode() not in kept
    assert token.text not in repr(token)
    with sqlite3.connect(tmp_path / "state" / "tokens.sqlite") as database:
        assert database.execute("SELECT count(*) FROM join_tokens").fetchone() == (1,)
    database.close()
    assert (tmp_path / "state" / "tokens.sqlite").stat().st_mode & 0o077 == 0


def _file(clock: SettableClock) -> JoinTokenFile:
    authority = CertificateAuthority.create("fleet", clock=clock, lifetime_s=1000)
    return JoinTokenFile(
        token="lwjoin.a.b",
        ca_certificate_pem=authority.certificate_pem.decode(),
        enrolment_address="gateway.example:7444",
        gateway_address="gateway.example:7443",
        expires_at=clock.now(),
    )


def test_a_token_file_comes_back_and_is_private(tmp_path: Path, clock: SettableClock) -> None:
    file = _file(clock)

    store_token_file(tmp_path / "join.json", file)

    assert load_token_file(tmp_path / "join.json") == file
    assert (tmp_path / "join.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('"token"', '"tokne"', "token"),
        ("join-token/v1", "join-token/v9", "leeward"),
        ("BEGIN CERTIFICATE", "BEGIN NOTHING", "ca_certificate_pem"),
        ("{", "", ""),
    ],
)
def test_a_malformed_token_file_is_refused_without_being_quoted(
    tmp_path: Path, clock: SettableClock, old: str, new: str, field: str
) -> None:
    path = tmp_path / "join.json"
    store_token_file(path, _file(clock))
    path.write_text(path.read_text().replace(old, new, 1))

    with pytest.raises(ConfigInvalid) as refused:
        load_token_file(path)

    assert refused.value.field == field
    assert "lwjoin" not in str(refused.value)


def test_a_missing_or_huge_token_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "huge.json").write_bytes(b"x" * 100_000)

    for name in ("huge.json", "missing.json"):
        with pytest.raises(ConfigInvalid):
            load_token_file(tmp_path / name)
