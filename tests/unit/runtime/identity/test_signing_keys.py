"""Key files: the private one is made once and kept private, the public one is one public key."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from runtime.errors import CertificateInvalid, ConfigInvalid
from runtime.identity.keys import private_key_pem
from runtime.identity.signing_keys import load_or_create_key, load_signer, public_file_of


def test_a_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "key.pem"

    first, is_new = load_or_create_key(path)
    again, is_new_again = load_or_create_key(path)

    assert (is_new, is_new_again) == (True, False)
    assert first.private_bytes_raw() == again.private_bytes_raw()
    assert path.stat().st_mode & 0o077 == 0


def test_the_public_half_of_a_new_key_lies_beside_it(tmp_path: Path) -> None:
    key, _ = load_or_create_key(tmp_path / "key.pem")

    public = load_signer(public_file_of(tmp_path / "key.pem"))

    assert public_file_of(tmp_path / "key.pem") == tmp_path / "key.pub.pem"
    assert public.public_bytes_raw() == key.public_key().public_bytes_raw()


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    load_or_create_key(path)
    path.chmod(0o644)

    with pytest.raises(CertificateInvalid, match="0600"):
        load_or_create_key(path)


def test_a_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text("not a key")
    path.chmod(0o600)

    with pytest.raises(CertificateInvalid, match="does not hold a private key"):
        load_or_create_key(path)


def test_a_private_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(private_key_pem(ec.generate_private_key(ec.SECP256R1())))
    path.chmod(0o600)

    with pytest.raises(CertificateInvalid, match="Ed25519"):
        load_or_create_key(path)


def test_a_signer_that_is_not_there_is_told_with_file_and_field(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        load_signer(tmp_path / "absent.pem", field="graph_signers")

    error = refused.value
    assert (error.file, error.field) == (str(tmp_path / "absent.pem"), "graph_signers")
    assert error.reason == "cannot be read: no such file or directory"


def test_a_private_key_is_no_signer(tmp_path: Path) -> None:
    load_or_create_key(tmp_path / "key.pem")

    with pytest.raises(ConfigInvalid, match="private key"):
        load_signer(tmp_path / "key.pem")


@pytest.mark.parametrize("content", [b"", b"not a key", b"\x00\xff" * 40])
def test_what_is_no_public_key_is_no_signer(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "signer.pem").write_bytes(content)

    with pytest.raises(ConfigInvalid, match="one Ed25519 public key"):
        load_signer(tmp_path / "signer.pem")


def test_two_keys_in_one_file_are_refused_rather_than_the_second_forgotten(tmp_path: Path) -> None:
    for name in ("one", "two"):
        load_or_create_key(tmp_path / f"{name}.pem")
    both = [public_file_of(tmp_path / f"{name}.pem").read_bytes() for name in ("one", "two")]
    (tmp_path / "both.pem").write_bytes(b"".join(both))

    with pytest.raises(ConfigInvalid, match="one Ed25519 public key"):
        load_signer(tmp_path / "both.pem")
