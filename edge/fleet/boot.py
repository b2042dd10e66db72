"""With which state a daemon starts: the present one, or the last good one when that cannot be used.

A daemon that dies while a state is on trial finds that at its next start. One that dies again and
again comes back with the last good state.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge.cloud_away import require_edge_plans
from edge.config import EdgeConfig
from edge.documents import EdgeDocuments, load_documents
from edge.fleet.generations import Generations
from edge.fleet.intake import Accepted, read_taken
from edge.fleet.pointer import (
    AS_INSTALLED,
    MAX_TRIAL_STARTS,
    Generation,
    Pointer,
    PointerFile,
)
from edge.models.store import ModelStore
from edge.software.software import Software, release_of
from runtime.errors import LeewardError, SoftwareInvalid, StateInvalid, StateUnhealthy
from runtime.fleet.state import HealthShape, Target, Wanted

__all__ = [
    "Effective",
    "FleetHome",
    "effective",
    "is_stored_name",
    "model_files",
    "start_with",
    "stored_name",
    "wanted_of",
]

_logger: Final = logging.getLogger("leeward.edge.fleet")
_PREFIX: Final = "fleet-"
Load = Callable[[Mapping[str, Any]], EdgeConfig]
"""Returns the device's configuration with some keys changed."""


@dataclass(frozen=True, slots=True)
class FleetHome:
    """Where a device keeps what its fleet told it, and whom it believes."""

    pointers: PointerFile
    generations: Generations
    store: ModelStore
    signers: Sequence[Ed25519PublicKey]
    target: Target
    load: Load
    remember: Callable[[Effective], None] = lambda _: None
    """Told of a state that is kept for good."""
    software: Software = field(default_factory=Software)
    """Which release of the daemon runs."""

    def accepted(self, order: int) -> Accepted:
        """Return what an order that was taken asks for, checked again.

        Raises:
            LeewardError: It is not what an operator has signed.
        """
        taken = self.generations.taken(order)
        return read_taken(taken, signers=self.signers, target=self.target)


@dataclass(frozen=True, slots=True)
class Effective:
    """A configuration with a state in force, and all it names."""

    config: EdgeConfig
    documents: EdgeDocuments
    generation: Generation
    accepted: Accepted | None = None
    """``None`` for the device's own configuration."""

    @property
    def health(self) -> HealthShape:
        """When the state is kept."""
        return self.accepted.health if self.accepted else HealthShape()


def stored_name(sha256: str) -> str:
    """Return the name under which the model store keeps a fleet's model: by its content."""
    return f"{_PREFIX}{sha256[:24]}"


def is_stored_name(name: str) -> bool:
    """Whether a model of the store came through a fleet's state."""
    return name.startswith(_PREFIX)


def start_with(home: FleetHome) -> Effective | None:
    """Return what to serve with, and note in the pointer what that means.

    ``None``: another release of the daemon is to run, which the launcher has been told; this one
    is to end.

    Raises:
        LeewardError: Not even the device's own configuration can be used.
    """
    found = home.pointers.load()
    pointer = _counted(_as_launched(home, found))
    if pointer != found:
        home.pointers.save(pointer)
    while True:
        try:
            if _leads_elsewhere(home, pointer):
                home.software.restart()
                return None
            return effective(home, pointer.current, allows_older=pointer.is_trial)
        except LeewardError as error:
            if pointer.current == AS_INSTALLED:
                raise
            failure = type(error).__name__
            extra = {"error": failure, "count": pointer.current.order}
            _logger.error("state_unusable", extra=extra)
            pointer = pointer.fail(failure) if pointer.is_trial else pointer.leave(failure)
            home.pointers.save(pointer)


def wanted_of(home: FleetHome, generation: Generation) -> Wanted | None:
    """Return what a state asks for; ``None`` for the device's own configuration.

    Raises:
        LeewardError: It is not what an operator has signed.
    """
    return None if generation == AS_INSTALLED else home.accepted(generation.order).wanted


def _as_launched(home: FleetHome, pointer: Pointer) -> Pointer:
    """Fail a state on trial whose release the launcher has left."""
    failure = home.software.failure_of(pointer.current.order) if pointer.is_trial else ""
    if not failure:
        return pointer
    _logger.error("state_rolled_back", extra={"reason": failure, "count": pointer.current.order})
    return pointer.fail(failure, quality=pointer.quality)


def _leads_elsewhere(home: FleetHome, pointer: Pointer) -> bool:
    """Have the release run that a state names, where another one does; return whether it is so.

    Raises:
        LeewardError: The state cannot be read, or not be tried with what runs.
    """
    software = home.software
    release = release_of(wanted_of(home, pointer.current))
    if not software.differs(release):
        return False
    if pointer.is_trial and not software.can_change:
        raise SoftwareInvalid("was not started by `leeward-edge-launch`", file="software")
    if pointer.is_trial:
        # What has taken the state was killed before it could tell the launcher.
        health = home.accepted(pointer.current.order).health
        software.try_out(release, order=pointer.current.order, probation_s=health.probation_s)
    elif software.is_hopeless(release):
        _logger.error("software_differs", extra={"version": release.version if release else ""})
        return False
    else:
        software.leave_for(release, failure=pointer.failure or "StateLeft")
    return True


def effective(home: FleetHome, generation: Generation, *, allows_older: bool) -> Effective:
    """Return the configuration with one state in force, everything checked again.

    Raises:
        LeewardError: The state, or what it names, cannot be used.
    """
    if generation == AS_INSTALLED:
        config = home.load({})
        return Effective(config, load_documents(config), generation)
    accepted = home.accepted(generation.order)
    if accepted.wanted is None:
        config = home.load({})
    else:
        models = model_files(home.store, accepted.wanted)
        config = home.load(home.generations.lay_out(generation.order, accepted.wanted, models))
    allows_older = allows_older and accepted.order.is_rollback
    documents = load_documents(config, allows_older=allows_older)
    if accepted.health.needs_edge_plans:
        require_edge_plans(config, documents)
    return Effective(config, documents, generation, accepted)


def model_files(store: ModelStore, wanted: Wanted) -> dict[str, Path]:
    """Return where the models of a state lie.

    Raises:
        StateInvalid: One is not here.
    """
    files = {}
    for name, model in wanted.models.items():
        found = store.find(stored_name(model.sha256))
        if found is None:
            raise StateInvalid(f"{name} is not in the model store", file="state", field="models")
        files[name] = found.file.absolute()
    return files


def _counted(pointer: Pointer) -> Pointer:
    if not pointer.is_trial:
        return pointer
    if pointer.starts < MAX_TRIAL_STARTS:
        return replace(pointer, starts=pointer.starts + 1)
    _logger.error("state_rolled_back", extra={"reason": "starts", "count": pointer.current.order})
    return pointer.fail(StateUnhealthy.__name__, quality=pointer.quality)
