"""An order holds only as an operator signed it, and only for whom it is."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import SignatureInvalid
from runtime.fleet.order import Order, SignedOrder, require_for, sign_order, verify_order
from runtime.fleet.state import Target
from runtime.identity.signing import SignaturePurpose, sign
from runtime.ids import DeviceId

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNERS = (KEY.public_key(),)
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
ORDER = Order(8, "a" * 64, 3, device="device-1", groups=("kiosks",))


@given(
    st.builds(
        Order,
        number=st.integers(1, 2**53),
        state=st.sampled_from(["", "b" * 64]),
        revision=st.integers(0, 2**53),
        device=st.sampled_from(["", "device-1"]),
        groups=st.lists(st.sampled_from(["a", "b"]), max_size=2).map(tuple),
        labels=st.dictionaries(st.sampled_from(["site", "kind"]), st.just("x")),
        is_rollback=st.booleans(),
    )
)
def test_what_was_signed_comes_back(order: Order) -> None:
    assert verify_order(sign_order(order, KEY), SIGNERS) == order


def test_another_key_is_nobody_here() -> None:
    with pytest.raises(SignatureInvalid, match=r"not among `fleet\.signers`"):
        verify_order(sign_order(ORDER, OTHER), SIGNERS)


def test_a_gateway_cannot_put_a_trusted_key_beside_its_own_signature() -> None:
    forged = replace(sign_order(ORDER, OTHER), public_key=KEY.public_key().public_bytes_raw())

    with pytest.raises(SignatureInvalid, match="does not fit its signature"):
        verify_order(forged, SIGNERS)


@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_no_bit_of_an_order_can_be_turned(position: int, bit: int) -> None:
    signed = sign_order(ORDER, KEY)
    content = bytearray(signed.content)
    content[position % len(content)] ^= 1 << bit

    with pytest.raises(SignatureInvalid):
        verify_order(replace(signed, content=bytes(content)), SIGNERS)


def test_a_signature_for_another_purpose_is_none() -> None:
    content = sign_order(ORDER, KEY).content
    signature = sign(KEY, content, purpose=SignaturePurpose.POLICY)
    signed = SignedOrder(content, KEY.public_key().public_bytes_raw(), signature)

    with pytest.raises(SignatureInvalid, match="does not fit its signature"):
        verify_order(signed, SIGNERS)


@pytest.mark.parametrize(
    ("order", "is_for_it"),
    [
        (ORDER, True),
        (replace(ORDER, device="device-2"), False),
        (replace(ORDER, device="", labels={}), True),
        (replace(ORDER, device="", labels={"site": "waw"}), True),
        (replace(ORDER, device="", labels={"site": "krk"}), False),
        (replace(ORDER, device="", labels={"kind": "kiosk"}), False),
    ],
)
def test_an_order_is_for_whom_it_names(order: Order, *, is_for_it: bool) -> None:
    target = Target(DeviceId("device-1"), labels={"site": "waw"})

    if is_for_it:
        require_for(order, target)
    else:
        with pytest.raises(SignatureInvalid, match="is for"):
            require_for(order, target)
