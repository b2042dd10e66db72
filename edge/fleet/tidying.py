"""Removes states and models that neither the present state nor the last one needs."""

from __future__ import annotations

import logging
from typing import Final

from edge.fleet.boot import FleetHome, is_stored_name, stored_name, wanted_of
from edge.fleet.pointer import AS_INSTALLED, Generation, Pointer
from runtime.errors import LeewardError

__all__ = ["tidy"]

_logger: Final = logging.getLogger("leeward.edge.fleet")


def tidy(home: FleetHome, pointer: Pointer) -> None:
    """Remove what is not needed where ``pointer`` says that the device stands."""
    kept = [pointer.current, pointer.previous or AS_INSTALLED]
    try:
        needed = {name for one in kept for name in _stored_models(home, one)}
    except LeewardError as error:  # what they need is not known, so everything stays
        _logger.warning("fleet_not_tidied", extra={"error": type(error).__name__})
        return
    home.generations.remove_others(kept)
    home.software.tidy()
    for model in home.store.all():
        if is_stored_name(model.name) and model.name not in needed:
            home.store.remove(model.name)


def _stored_models(home: FleetHome, generation: Generation) -> list[str]:
    wanted = wanted_of(home, generation)
    return [stored_name(model.sha256) for model in wanted.models.values()] if wanted else []
