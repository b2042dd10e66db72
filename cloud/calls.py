"""A call as the gateway's core sees it: who asks, and for what. The same for both fronts."""

from dataclasses import dataclass
from typing import Literal, TypeVar

from opentelemetry.context import Context

from runtime.ids import ModelName
from runtime.ports import EmbedRequest, GenerateRequest

__all__ = ["CacheWish", "Call", "CallT", "Caller", "EmbedCall", "GenerateCall"]

CacheWish = Literal["use", "refresh", "off"]
"""What a caller lets the cache do: ``refresh`` asks anew and keeps that; ``off`` keeps nothing."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, verified: a device by its certificate, or an application by its key."""

    tenant: str
    """Whose budgets, limits and cache it uses."""
    kind: Literal["device", "key"]
    id: str
    """The device's id or the key's id, never a secret."""
    models: frozenset[ModelName] | None = None
    """The only aliases that it may use; None for all."""

    def may_use(self, model: ModelName) -> bool:
        """Whether the caller's key, or its being a device, allows the alias."""
        return self.models is None or model in self.models


@dataclass(frozen=True, slots=True)
class GenerateCall:
    """One answer of one model, for one caller."""

    caller: Caller
    request: GenerateRequest
    cache: CacheWish = "use"
    trace: Context | None = None
    """The trace that the call belongs to; ``None`` for the current one."""


@dataclass(frozen=True, slots=True)
class EmbedCall:
    """Vectors of one model, for one caller."""

    caller: Caller
    request: EmbedRequest
    trace: Context | None = None
    """The trace that the call belongs to; ``None`` for the current one."""


Call = GenerateCall | EmbedCall
CallT = TypeVar("CallT", GenerateCall, EmbedCall)
"""Of something that returns the kind of call it was given."""
