"""Plan a rollout: who gets the state in which wave, and the signed orders for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud.fleet.rollout import Rules, waves_of
from cloud.stores.fleet_devices import order_number, undo_number
from cloud.stores.fleet_records import DeviceStanding, NewOrder, NewRollout
from runtime.errors import RequestInvalid
from runtime.fleet.order import INSTALLED, Order, sign_order

__all__ = ["Aim", "Choice", "chosen", "plan"]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which devices an operator means: who fits everything that is given."""

    devices: Collection[str] = ()
    groups: Collection[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def reaches_later(self) -> bool:
        """Whether devices that come later are meant too: only labels can say so."""
        return not self.devices and not self.groups


@dataclass(frozen=True, slots=True)
class Aim:
    """Where a rollout leads."""

    state: str
    """Hash, or ``INSTALLED``."""
    revision: int
    name: str
    is_rollback: bool = False


def chosen(standings: Iterable[DeviceStanding], choice: Choice) -> list[DeviceStanding]:
    """Return the devices that are meant and not revoked.

    Raises:
        RequestInvalid: A device that is named is not among them.
    """
    usable = [one for one in standings if not one.is_revoked]
    unknown = sorted(set(choice.devices) - {one.device for one in usable})
    if unknown:
        raise RequestInvalid(f"no device {unknown[0]!r} is enrolled here, or it is revoked")
    return [
        one
        for one in usable
        if (not choice.devices or one.device in choice.devices)
        and (not choice.groups or set(choice.groups) & set(one.groups))
        and all(one.labels.get(name) == value for name, value in choice.labels.items())
    ]


def plan(
    number: int,
    aim: Aim,
    targets: Sequence[DeviceStanding],
    choice: Choice,
    *,
    waves: tuple[float, ...],
    rules: Rules,
    revisions: Mapping[str, int],
    key: Ed25519PrivateKey,
) -> NewRollout:
    """Return a rollout with an order to every device, and one that would take it back.

    Args:
        number: Of the rollout.
        aim: The state.
        targets: Devices that are known now.
        choice: How they were chosen.
        waves: Shares that grow to 1.
        rules: When a wave is good.
        revisions: Of every kept state, by hash.
        key: The operator's.

    Raises:
        RequestInvalid: Nobody is meant, now or later.
    """
    if not targets and not choice.reaches_later:
        raise RequestInvalid("no enrolled device is meant; `leeward fleet devices` lists them")
    placed = waves_of([one.device for one in targets], waves, seed=str(number))
    orders = [
        _orders(number, aim, one, placed[one.device], revisions=revisions, key=key)
        for one in targets
    ]
    later = None
    if choice.reaches_later:
        order = Order(order_number(number), aim.state, aim.revision, labels=dict(choice.labels))
        later = sign_order(order, key)
    return NewRollout(
        id=number,
        name=aim.name,
        state=aim.state,
        revision=aim.revision,
        public_key=key.public_key().public_bytes_raw(),
        waves=waves,
        rules=rules,
        orders=tuple(orders),
        labels=dict(choice.labels) if later is not None else None,
        order_content=later.content if later is not None else None,
        order_signature=later.signature if later is not None else None,
    )


def _orders(
    number: int,
    aim: Aim,
    device: DeviceStanding,
    wave: int,
    *,
    revisions: Mapping[str, int],
    key: Ed25519PrivateKey,
) -> NewOrder:
    groups = tuple(sorted(device.groups))
    order = Order(
        order_number(number),
        aim.state,
        aim.revision,
        device=device.device,
        groups=groups,
        is_rollback=aim.is_rollback,
    )
    # A state that this gateway does not keep cannot be sent again.
    before = device.state if device.state in revisions else INSTALLED
    undo = Order(
        undo_number(number),
        before,
        revisions.get(before, 0),
        device=device.device,
        groups=groups,
        is_rollback=True,
    )
    signed, signed_undo = sign_order(order, key), sign_order(undo, key)
    return NewOrder(
        device=device.device,
        wave=wave,
        content=signed.content,
        signature=signed.signature,
        undo_content=signed_undo.content,
        undo_signature=signed_undo.signature,
        undo_state=before,
    )
