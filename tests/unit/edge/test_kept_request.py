"""The keys of an enrolment that has no answer yet: the same for the same token, whatever dies."""

import stat
from pathlib import Path

import pytest

from edge.kept_request import KeptRequest
from runtime.identity.csr import key_digest
from runtime.identity.keys import DeviceKeys


def digest(keys: DeviceKeys) -> bytes:
    return key_digest(keys.tls.public_key())


def kept(tmp_path: Path, passphrase: bytes | None = None) -> KeptRequest:
    return KeptRequest(tmp_path / "asked", passphrase=passphrase)


@pytest.mark.parametrize("passphrase", [None, b"a passphrase"])
def test_a_token_has_the_same_keys_after_every_start(
    tmp_path: Path, passphrase: bytes | None
) -> None:
    first = kept(tmp_path, passphrase).keys_for("token-1")

    again = kept(tmp_path, passphrase).keys_for("token-1")

    assert digest(again) == digest(first)
    assert again.signing.public_key() == first.signing.public_key()


def test_another_token_has_other_keys(tmp_path: Path) -> None:
    first = kept(tmp_path).keys_for("token-1")

    assert digest(kept(tmp_path).keys_for("token-2")) != digest(first)
    assert digest(kept(tmp_path).keys_for("token-1")) != digest(first)


def test_of_the_token_nothing_is_written_down_and_others_read_nothing(tmp_path: Path) -> None:
    kept(tmp_path, b"a passphrase").keys_for("token-of-great-worth")

    for path in (tmp_path / "asked").iterdir():
        assert b"great-worth" not in path.read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"ENCRYPTED" in (tmp_path / "asked" / "device-tls.pem").read_bytes()


@pytest.mark.parametrize("name", ["device-tls.pem", "device-signing.pem", "token.sha256"])
@pytest.mark.parametrize("content", [None, b"", b"torn"])
def test_what_a_crash_or_a_hand_has_torn_is_made_anew(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    first = kept(tmp_path).keys_for("token-1")
    file = tmp_path / "asked" / name
    file.unlink()
    if content is not None:
        file.write_bytes(content)
        file.chmod(0o600)

    again = kept(tmp_path).keys_for("token-1")

    assert digest(again) != digest(first)
    assert digest(kept(tmp_path).keys_for("token-1")) == digest(again)


def test_forgotten_keys_are_gone(tmp_path: Path) -> None:
    kept(tmp_path).forget()  # nothing was asked
    first = kept(tmp_path).keys_for("token-1")

    kept(tmp_path).forget()

    assert list((tmp_path / "asked").iterdir()) == []
    assert digest(kept(tmp_path).keys_for("token-1")) != digest(first)
