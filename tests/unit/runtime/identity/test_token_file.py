"""The file that carries a join token to a device."""

from pathlib import Path

import pytest

from runtime.errors import ConfigInvalid
from runtime.identity.authority import CertificateAuthority
from runtime.identity.token_file import JoinTokenFile, load_token_file, store_token_file
from runtime.testing.fakes import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def _file(clock: ManualClock) -> JoinTokenFile:
    authority = CertificateAuthority.create("fleet", clock=clock, lifetime_s=1000)
    return JoinTokenFile(
        token="lwjoin.a.b",
        ca_certificate_pem=authority.certificate_pem.decode(),
        enrolment_address="gateway.example:7444",
        gateway_address="gateway.example:7443",
        expires_at=clock.now(),
    )


def test_a_token_file_comes_back_and_is_private(tmp_path: Path, clock: ManualClock) -> None:
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
    tmp_path: Path, clock: ManualClock, old: str, new: str, field: str
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
