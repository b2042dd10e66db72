"""An order to one device, or to all with some labels, to take a state: signed by an operator.

The gateway passes orders on and cannot make any. An order names the state by its hash, so one
signature covers everything that the device will run. Numbers only grow: an older order is never
taken again. A state of a lower revision comes back only by an order that says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import Field

from runtime.documents.canonical import canonical_json
from runtime.documents.reader import document_from_data
from runtime.documents.shape import Shape, read_shape
from runtime.errors import SignatureInvalid
from runtime.fleet.state import LabelText, Target
from runtime.identity.signing import SignaturePurpose, is_signed, sign

__all__ = [
    "INSTALLED",
    "MAX_ORDER_BYTES",
    "Order",
    "SignedOrder",
    "require_for",
    "sign_order",
    "verify_order",
]

INSTALLED: Final = ""
"""In place of a state's hash: what the device's own configuration says."""
MAX_ORDER_BYTES: Final = 16 * 1024
_VERSION: Final = "fleet-order/v1"


@dataclass(frozen=True, slots=True)
class Order:
    """Which state to take."""

    number: int
    """Grows with every order to a device."""
    state: str
    """SHA-256 of the packed state, hexadecimal, or ``INSTALLED``."""
    revision: int
    """Of that state; 0 for ``INSTALLED``."""
    device: str = ""
    """To whom; empty for everybody who has the labels."""
    groups: tuple[str, ...] = ()
    """Whose overlays apply to that device."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """To whom, where no device is named; none means everybody."""
    is_rollback: bool = False
    """Whether a lower revision may come back."""


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """An order as it travels."""

    content: bytes
    public_key: bytes
    """Whose signature it says it is, 32 bytes."""
    signature: bytes
    """Ed25519, 64 bytes."""


class _OrderShape(Shape):
    leeward: str
    number: int = Field(ge=1, le=2**53)
    state: str = Field(pattern=r"^([0-9a-f]{64})?$")
    revision: int = Field(ge=0, le=2**53)
    device: str = Field(max_length=200)
    groups: list[LabelText] = Field(max_length=100)
    labels: dict[LabelText, LabelText] = Field(max_length=16)
    is_rollback: bool


def sign_order(order: Order, key: Ed25519PrivateKey) -> SignedOrder:
    """Return the order under a signature."""
    content = canonical_json({"leeward": _VERSION, **asdict(order), "groups": list(order.groups)})
    return SignedOrder(
        content,
        key.public_key().public_bytes_raw(),
        sign(key, content, purpose=SignaturePurpose.FLEET_ORDER),
    )


def verify_order(signed: SignedOrder, signers: Sequence[Ed25519PublicKey]) -> Order:
    """Return what a signed order says, once it is known that somebody trusted has signed it.

    Raises:
        SignatureInvalid: Nobody in ``signers`` has, or it is not an order.
    """
    key = next((one for one in signers if one.public_bytes_raw() == signed.public_key), None)
    if key is None:
        reason = "is by a key that is not among `fleet.signers`; add its file to them"
        raise SignatureInvalid(reason, file="order")
    purpose = SignaturePurpose.FLEET_ORDER
    if not is_signed(key, signed.content, purpose=purpose, signature=signed.signature):
        raise SignatureInvalid("does not fit its signature; somebody changed it", file="order")
    try:
        data = json.loads(signed.content)
    except (ValueError, RecursionError):
        raise SignatureInvalid("is not JSON", file="order") from None
    document = document_from_data(data, error=SignatureInvalid, file="order")
    shape = read_shape(document, _OrderShape, version=_VERSION)
    return Order(
        number=shape.number,
        state=shape.state,
        revision=shape.revision,
        device=shape.device,
        groups=tuple(shape.groups),
        labels=shape.labels,
        is_rollback=shape.is_rollback,
    )


def require_for(order: Order, target: Target) -> None:
    """Refuse an order that is somebody else's.

    Raises:
        SignatureInvalid: It names another device, or labels that this one does not have.
    """
    if order.device and order.device != target.device:
        raise SignatureInvalid("is for another device", file="order", field="device")
    wrong = [name for name, value in order.labels.items() if target.labels.get(name) != value]
    if wrong:
        reason = f"is for devices with another `{wrong[0]}` among their labels"
        raise SignatureInvalid(reason, file="order", field="labels")
