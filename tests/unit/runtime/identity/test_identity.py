import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from runtime.errors import CertificateInvalid, ConfigInvalid, NotFound
from runtime.identity.authority import CertificateAuthority
from runtime.identity.certificates import (
    check_device_chain,
    check_validity,
    device_id_of,
    load_certificates,
    seconds_left,
)
from runtime.identity.csr import create_csr, public_key_of_csr
from runtime.identity.keys import (
    DeviceKeys,
    create_device_keys,
    load_device_keys,
    load_tls_key,
    private_key_pem,
    store_device_keys,
)
from runtime.identity.recovery import check_proof, prove_key
from runtime.identity.revocation import REVOCATION_FILE, load_revoked, revoke
from runtime.identity.signing import SignaturePurpose, is_signed, sign
from runtime.ids import DeviceId

START = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
DAY_S = 86_400.0


class SettableClock:
    def __init__(self) -> None:
        self.moment = START

    def now(self) -> datetime:
        return self.moment

    def monotonic_s(self) -> float:
        return 0.0


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def authority(clock: SettableClock) -> CertificateAuthority:
    return CertificateAuthority.create("test fleet", clock=clock, lifetime_s=365 * DAY_S)


@pytest.fixture(scope="module")
def keys() -> DeviceKeys:
    return create_device_keys()


@pytest.fixture
def chain(
    authority: CertificateAuthority, keys: DeviceKeys
) -> Callable[[str], tuple[x509.Certificate, ...]]:
    def issue(device: str) -> tuple[x509.Certificate, ...]:
        issued = authority.issue_client(
            create_csr(keys.tls, DeviceId("wished")), DeviceId(device), lifetime_s=DAY_S
        )
        return load_certificates(issued.chain_pem)

    return issue


Chain = Callable[[str], tuple[x509.Certificate, ...]]


def test_keys_come_back_from_private_files(tmp_path: Path, keys: DeviceKeys) -> None:
    store_device_keys(tmp_path / "identity", keys)

    loaded = load_device_keys(tmp_path / "identity")

    assert private_key_pem(loaded.tls) == private_key_pem(keys.tls)
    assert private_key_pem(loaded.signing) == private_key_pem(keys.signing)
    assert (tmp_path / "identity").stat().st_mode & 0o777 == 0o700
    modes = {file.stat().st_mode & 0o777 for file in (tmp_path / "identity").iterdir()}
    assert modes == {0o600}


def test_keys_never_show_in_a_representation(keys: DeviceKeys) -> None:
    assert repr(keys) == "DeviceKeys()"


def test_a_missing_key_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        load_device_keys(tmp_path)


@pytest.mark.parametrize("content", [b"", b"junk", b"-----BEGIN PRIVATE KEY-----\nAA\n"])
def test_a_damaged_key_is_refused(tmp_path: Path, keys: DeviceKeys, content: bytes) -> None:
    store_device_keys(tmp_path, keys)
    (tmp_path / "device-tls.pem").write_bytes(content)

    with pytest.raises(CertificateInvalid, match="does not hold a private key"):
        load_device_keys(tmp_path)


def test_a_key_of_another_kind_is_refused(tmp_path: Path, keys: DeviceKeys) -> None:
    store_device_keys(tmp_path, keys)
    (tmp_path / "device-tls.pem").write_bytes((tmp_path / "device-signing.pem").read_bytes())

    with pytest.raises(CertificateInvalid, match="not an EC P-256 key"):
        load_device_keys(tmp_path)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path, keys: DeviceKeys) -> None:
    store_device_keys(tmp_path, keys)
    (tmp_path / "device-tls.pem").chmod(0o640)

    with pytest.raises(CertificateInvalid, match="0600"):
        load_tls_key(tmp_path / "device-tls.pem")


def test_the_authority_chooses_the_name_and_ignores_the_wish(chain: Chain) -> None:
    (leaf,) = chain("device-7")

    assert device_id_of(leaf) == "device-7"
    assert "wished" not in str(leaf.subject)
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_a_chain_of_this_fleet_is_accepted(
    chain: Chain, authority: CertificateAuthority, clock: SettableClock
) -> None:
    device = check_device_chain(chain("device-7"), [authority.certificate], now=clock.now())

    assert device == "device-7"


def test_a_chain_of_another_fleet_is_refused(chain: Chain, clock: SettableClock) -> None:
    other = CertificateAuthority.create("test fleet", clock=clock, lifetime_s=365 * DAY_S)

    with pytest.raises(CertificateInvalid, match="not signed by a trusted authority"):
        check_device_chain(chain("device-7"), [other.certificate], now=clock.now())


def test_a_server_certificate_does_not_pass_for_a_devices(
    authority: CertificateAuthority, clock: SettableClock, keys: DeviceKeys
) -> None:
    issued = authority.issue_server(
        keys.tls.public_key(), ["gateway.example", "127.0.0.1", "::1"], lifetime_s=DAY_S
    )

    with pytest.raises(CertificateInvalid):
        check_device_chain(
            load_certificates(issued.chain_pem), [authority.certificate], now=clock.now()
        )


def test_a_server_certificate_carries_names_and_addresses(
    authority: CertificateAuthority, keys: DeviceKeys
) -> None:
    issued = authority.issue_server(
        keys.tls.public_key(), ["gateway.example", "127.0.0.1"], lifetime_s=DAY_S
    )

    (leaf,) = load_certificates(issued.chain_pem)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["gateway.example"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert issued.serial == leaf.serial_number


@pytest.mark.parametrize("hosts", [[], ["zażółć.example"]])
def test_a_server_without_a_usable_name_is_refused(
    authority: CertificateAuthority, keys: DeviceKeys, hosts: list[str]
) -> None:
    with pytest.raises(ConfigInvalid):
        authority.issue_server(keys.tls.public_key(), hosts, lifetime_s=DAY_S)


@pytest.mark.parametrize(
    ("shift_s", "is_valid"),
    [(-601, False), (-599, True), (0, True), (DAY_S - 1, True), (DAY_S, False)],
)
def test_a_certificate_is_judged_by_its_time_and_a_little_skew(
    chain: Chain, authority: CertificateAuthority, shift_s: float, is_valid: bool
) -> None:
    now = START + timedelta(seconds=shift_s)
    leaf = chain("device-7")

    if is_valid:
        assert check_device_chain(leaf, [authority.certificate], now=now) == "device-7"
        return
    with pytest.raises(CertificateInvalid):
        check_device_chain(leaf, [authority.certificate], now=now)
    with pytest.raises(CertificateInvalid):
        check_validity(leaf[0], now)


def test_the_time_left_is_counted_to_the_end(chain: Chain) -> None:
    assert seconds_left(chain("device-7")[0], START) == DAY_S


@pytest.mark.parametrize("name", ["", "anna kowalska", "../x", "a/b", "zażółć", "x" * 129])
def test_a_device_id_that_is_no_name_is_refused(
    authority: CertificateAuthority, keys: DeviceKeys, name: str
) -> None:
    with pytest.raises(CertificateInvalid):
        authority.issue_client(create_csr(keys.tls), DeviceId(name), lifetime_s=DAY_S)


def test_a_certificate_without_a_device_is_refused(
    authority: CertificateAuthority,
) -> None:
    with pytest.raises(CertificateInvalid):
        device_id_of(authority.certificate)


@pytest.mark.parametrize("pem", [b"", b"junk", b"x" * 20_000])
def test_a_malformed_request_is_refused(pem: bytes) -> None:
    with pytest.raises(CertificateInvalid):
        public_key_of_csr(pem)


def test_a_request_signed_by_another_key_is_refused(keys: DeviceKeys) -> None:
    """The public key of one request inside the signature of another."""
    request = x509.load_pem_x509_csr(create_csr(keys.tls))
    spoiled = bytearray(request.public_bytes(Encoding.DER))
    spoiled[-1] ^= 1

    pem = _pem_of_der(bytes(spoiled))

    with pytest.raises(CertificateInvalid):
        public_key_of_csr(pem)


def test_a_request_for_another_curve_is_refused() -> None:
    with pytest.raises(CertificateInvalid, match="P-256"):
        public_key_of_csr(create_csr(ec.generate_private_key(ec.SECP384R1())))


def test_an_authority_comes_back_from_disk(
    tmp_path: Path, authority: CertificateAuthority, clock: SettableClock, keys: DeviceKeys
) -> None:
    authority.store(tmp_path / "ca")

    loaded = CertificateAuthority.load(tmp_path / "ca", clock=clock)

    issued = loaded.issue_client(create_csr(keys.tls), DeviceId("d1"), lifetime_s=DAY_S)
    chain = load_certificates(issued.chain_pem)
    assert check_device_chain(chain, [authority.certificate], now=clock.now()) == "d1"
    assert (tmp_path / "ca" / "ca-key.pem").stat().st_mode & 0o777 == 0o600


def test_an_authority_whose_halves_do_not_match_is_refused(
    tmp_path: Path, authority: CertificateAuthority, clock: SettableClock
) -> None:
    authority.store(tmp_path)
    other = CertificateAuthority.create("test fleet", clock=clock, lifetime_s=DAY_S)
    (tmp_path / "ca.pem").write_bytes(other.certificate_pem)

    with pytest.raises(CertificateInvalid, match="does not belong"):
        CertificateAuthority.load(tmp_path, clock=clock)


def test_serials_are_large_and_differ(chain: Chain) -> None:
    serials = {chain("d")[0].serial_number for _ in range(20)}

    assert len(serials) == 20
    assert min(serials).bit_length() > 64


def test_a_revoked_serial_is_listed_and_stays_so(
    tmp_path: Path, authority: CertificateAuthority
) -> None:
    path = tmp_path / REVOCATION_FILE
    assert load_revoked(path, authority.certificate) == frozenset()

    for serial in (11, 12, 11):
        revoke(path, serial, authority=authority, now=START)

    assert load_revoked(path, authority.certificate) == {11, 12}


def test_a_revocation_list_of_somebody_else_is_an_error_and_not_empty(
    tmp_path: Path, authority: CertificateAuthority, clock: SettableClock
) -> None:
    path = tmp_path / REVOCATION_FILE
    other = CertificateAuthority.create("test fleet", clock=clock, lifetime_s=DAY_S)
    revoke(path, 11, authority=other, now=START)

    with pytest.raises(CertificateInvalid):
        load_revoked(path, authority.certificate)

    path.write_bytes(b"junk")
    with pytest.raises(CertificateInvalid):
        load_revoked(path, authority.certificate)


def test_a_signature_is_good_for_its_purpose_alone(keys: DeviceKeys) -> None:
    signature = sign(keys.signing, b"content", purpose=SignaturePurpose.GRAPH)
    public = keys.signing.public_key()

    assert is_signed(public, b"content", purpose=SignaturePurpose.GRAPH, signature=signature)
    for purpose in set(SignaturePurpose) - {SignaturePurpose.GRAPH}:
        assert not is_signed(public, b"content", purpose=purpose, signature=signature)
    assert not is_signed(public, b"other", purpose=SignaturePurpose.GRAPH, signature=signature)
    assert not is_signed(public, b"content", purpose=SignaturePurpose.GRAPH, signature=b"short")


def test_a_proof_of_the_old_key_is_good_for_one_nonce_and_one_request(
    chain: Chain, keys: DeviceKeys
) -> None:
    (old,) = chain("device-7")
    csr = create_csr(create_device_keys().tls)
    proof = prove_key(keys.tls, b"n" * 32, csr)

    check_proof(old, b"n" * 32, csr, proof)

    for nonce, request, signature in (
        (b"m" * 32, csr, proof),
        (b"n" * 32, create_csr(keys.tls), proof),
        (b"n" * 32, csr, b"junk"),
        (b"n" * 32, csr, prove_key(create_device_keys().tls, b"n" * 32, csr)),
    ):
        with pytest.raises(CertificateInvalid):
            check_proof(old, nonce, request, signature)


def _pem_of_der(der: bytes) -> bytes:
    body = base64.encodebytes(der)
    return b"-----BEGIN CERTIFICATE REQUEST-----\n%b-----END CERTIFICATE REQUEST-----\n" % body
