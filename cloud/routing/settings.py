"""How hard the gateway tries, as immutable data."""

from dataclasses import dataclass, field

from cloud.routing.breaker import BreakerSettings
from cloud.routing.budget import BudgetSettings
from cloud.routing.ejection import EjectionSettings

__all__ = ["RoutingSettings"]


@dataclass(frozen=True, slots=True)
class RoutingSettings:
    """How hard the gateway tries; the defaults suit providers on the internet."""

    max_attempts: int = 3
    """Attempts per call, hedges and continuations included. The worst case reserves for them."""
    backoff_s: float = 0.1
    """Longest pause before the first repeat of a target; doubles with each, drawn from 0 up."""
    longest_backoff_s: float = 5.0
    """Longest pause, and the longest ``Retry-After`` that is waited for within a call."""
    retries: BudgetSettings = field(default_factory=lambda: BudgetSettings(share=0.2))
    """Bounds repeats at targets that the call has tried; the next target is always tried."""
    hedges: BudgetSettings = field(default_factory=lambda: BudgetSettings(share=0.05, reserve=5.0))
    least_hedge_s: float = 0.02
    """No second call is made before this, however fast the target usually is."""
    probe_s: float = 15.0
    """How often each provider is asked whether it is there."""
    breaker: BreakerSettings = field(default_factory=BreakerSettings)
    ejection: EjectionSettings = field(default_factory=EjectionSettings)
