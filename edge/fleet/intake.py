"""Which offers this device takes: pure decisions over what was signed and what runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge.fleet.generations import Taken
from edge.fleet.pointer import Generation, Pointer
from runtime.errors import SignatureInvalid, StateInvalid
from runtime.fleet.order import INSTALLED, Order, require_for, verify_order
from runtime.fleet.state import (
    FleetState,
    HealthShape,
    Target,
    Wanted,
    parse_state,
    resolve,
    state_hash,
)

__all__ = ["Accepted", "check_order", "read_taken", "require_forward"]


@dataclass(frozen=True, slots=True)
class Accepted:
    """An order that may be carried out."""

    order: Order
    state: FleetState | None
    """``None``: back to the device's own configuration."""
    wanted: Wanted | None

    @property
    def generation(self) -> Generation:
        """What the pointer will name."""
        if self.state is None:
            return Generation(self.order.number)
        return Generation(self.order.number, self.order.state, self.state.name, self.state.revision)

    @property
    def health(self) -> HealthShape:
        """When the state is kept."""
        return self.state.health if self.state else HealthShape()


def check_order(order: Order, pointer: Pointer, *, target: Target) -> None:
    """Refuse an order, already known to be an operator's, that is not for this device to take.

    Raises:
        SignatureInvalid: It is another device's, or not newer than all that were taken.
    """
    require_for(order, target)
    if order.number <= pointer.taken:
        reason = f"is {order.number}, but {pointer.taken} was taken before"
        raise SignatureInvalid(reason, file="order", field="number")


def require_forward(accepted: Accepted, running: Generation) -> None:
    """Refuse a state that would go back without saying so.

    Raises:
        StateInvalid: It is of a lower revision than the one that runs, and its order does not say
            that it is a rollback.
    """
    state = accepted.state
    if state is None or accepted.order.is_rollback or state.name != running.name:
        return
    if state.revision < running.revision:
        reason = (
            f"is {state.revision}, and {running.revision} runs; only an order that says that it is"
            " a rollback goes back"
        )
        raise StateInvalid(reason, file=state.name, field="revision")


def read_taken(taken: Taken, *, signers: Sequence[Ed25519PublicKey], target: Target) -> Accepted:
    """Return what an order on the disk asks for, checked again.

    Raises:
        SignatureInvalid: Nobody trusted here has signed it, or it is another device's.
        StateInvalid: The state is not the one that was ordered.
    """
    order = verify_order(taken.order, signers)
    require_for(order, target)
    return _read(order, taken.state, target)


def _read(order: Order, content: bytes, target: Target) -> Accepted:
    if order.state == INSTALLED:
        return Accepted(order, None, None)
    if state_hash(content) != order.state:
        raise StateInvalid("is not the one that was ordered", file="state")
    state = parse_state(content, file="state")
    if state.revision != order.revision:
        reason = f"is {state.revision}, the order speaks of {order.revision}"
        raise StateInvalid(reason, file=state.name, field="revision")
    # Of groups, only what the operator has signed counts; labels are the device's own.
    whom = Target(target.device, frozenset(order.groups), target.labels)
    return Accepted(order, state, resolve(state, whom))
