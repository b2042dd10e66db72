"""An identity is replaced wholly or not at all, whenever the power fails."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import edge.identity
from edge.config import parse_config
from edge.identity import DeviceIdentity, IdentityStore, identity_store
from runtime.clock import SystemClock
from runtime.codec.enrolment import Credentials
from runtime.errors import CertificateInvalid, ConfigInvalid
from runtime.identity.authority import CertificateAuthority
from runtime.identity.csr import create_csr
from runtime.identity.keys import DeviceKeys, create_device_keys
from runtime.ids import DeviceId

CLOCK = SystemClock()
PASSPHRASE = b"correct horse"
CONFIG = """\
leeward: edge/v1
policy: policy.yaml
catalog: catalog.yaml
graphs: graphs
default_graph: g
identity_passphrase_credential: identity
models: {small: {file: small.gguf}}
"""


@dataclass(frozen=True, slots=True)
class Given:
    keys: DeviceKeys
    credentials: Credentials


def given(*, lifetime_s: float = 3600) -> Given:
    """Keys and a certificate, of an authority of their own: everything is new."""
    authority = CertificateAuthority.create("test", clock=CLOCK, lifetime_s=86_400)
    keys = create_device_keys()
    issued = authority.issue_client(
        create_csr(keys.tls), DeviceId("device-7"), lifetime_s=lifetime_s
    )
    credentials = Credentials(
        certificate_chain_pem=issued.chain_pem,
        ca_bundle_pem=authority.certificate_pem,
        gateway_address="gateway:7443",
        expires_at=issued.expires_at,
        device_id=DeviceId("device-7"),
    )
    return Given(keys, credentials)


OLD, NEW = given(), given()


def open_store(path: Path, passphrase: bytes | None = None) -> IdentityStore:
    return IdentityStore(path / "identity", clock=CLOCK, passphrase=passphrase)


class PowerFailed(BaseException):
    """Nothing may catch it."""


@pytest.mark.parametrize("writes", range(7))
def test_a_power_failure_leaves_the_old_identity_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    store = open_store(tmp_path)
    old = store.save(OLD.keys, OLD.credentials, enrolment="gateway:7444")
    left = writes
    write = edge.identity.write_private_file

    def write_or_fail(path: Path, data: bytes) -> None:
        nonlocal left
        if not left:
            raise PowerFailed
        left -= 1
        write(path, data)

    monkeypatch.setattr(edge.identity, "write_private_file", write_or_fail)
    try:
        store.save(NEW.keys, NEW.credentials, enrolment="gateway:7444")
    except PowerFailed:
        monkeypatch.undo()

    found = open_store(tmp_path).load()
    expected = NEW.credentials if writes else OLD.credentials
    assert found.certificate_chain_pem == expected.certificate_chain_pem
    assert (found == old) is (writes == 0)
    assert found.enrolment == "gateway:7444"
    assert not (tmp_path / "identity" / "next.json").exists()


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    open_store(tmp_path).save(OLD.keys, OLD.credentials)

    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "identity").iterdir()}

    assert set(modes.values()) == {0o600}
    assert (tmp_path / "identity").stat().st_mode & 0o777 == 0o700


def test_keys_with_a_passphrase_lie_encrypted_and_open_with_it_alone(tmp_path: Path) -> None:
    saved = open_store(tmp_path, PASSPHRASE).save(OLD.keys, OLD.credentials)
    texts = [path.read_bytes() for path in (tmp_path / "identity").glob("device-*.pem")]

    assert len(texts) == 2
    assert all(b"ENCRYPTED PRIVATE KEY" in text for text in texts)
    assert open_store(tmp_path, PASSPHRASE).load() == saved
    for passphrase in (None, b"wrong"):
        with pytest.raises(CertificateInvalid, match="passphrase"):
            open_store(tmp_path, passphrase).load()


def test_keys_from_before_there_was_a_passphrase_are_encrypted_when_next_written(
    tmp_path: Path,
) -> None:
    open_store(tmp_path).save(OLD.keys, OLD.credentials)
    store = open_store(tmp_path, PASSPHRASE)
    before = store.load()

    store.save(NEW.keys, NEW.credentials)

    assert before.certificate_chain_pem == OLD.credentials.certificate_chain_pem
    texts = [path.read_bytes() for path in (tmp_path / "identity").glob("device-*.pem")]
    assert [b"ENCRYPTED PRIVATE KEY" in text for text in texts] == [True, True]


def test_a_passphrase_may_be_a_credential_of_systemds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = parse_config(CONFIG, base=tmp_path)
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "identity").write_bytes(PASSPHRASE)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))

    saved = identity_store(config, clock=CLOCK).save(OLD.keys, OLD.credentials)

    assert (
        IdentityStore(config.state / "identity", clock=CLOCK, passphrase=PASSPHRASE).load() == saved
    )
    with pytest.raises(CertificateInvalid, match="passphrase"):
        IdentityStore(config.state / "identity", clock=CLOCK).load()


def test_a_credential_that_was_not_handed_over_is_told_by_field_and_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)

    with pytest.raises(ConfigInvalid) as refused:
        identity_store(parse_config(CONFIG, base=tmp_path), clock=CLOCK)

    assert "/run/credentials/leeward-edge.service/identity" in str(refused.value)
    assert "identity_passphrase_credential" in str(refused.value)


def test_an_identity_that_has_ended_is_read_when_asked_for(tmp_path: Path) -> None:
    ended = given(lifetime_s=3600)
    store = open_store(tmp_path)
    store.save(ended.keys, ended.credentials)

    class Later(SystemClock):
        def now(self) -> Any:
            return super().now().replace(year=super().now().year + 1)

    late = IdentityStore(tmp_path / "identity", clock=Later())

    with pytest.raises(CertificateInvalid, match="ended"):
        late.load()
    found: DeviceIdentity = late.load(at_any_time=True)
    assert found.device == "device-7"
