"""What all calls of one gateway share when they are routed."""

from dataclasses import dataclass
from random import Random

from opentelemetry.trace import Tracer

from cloud.admission.prices import Prices
from cloud.routing.board import Board
from cloud.routing.budget import ShareBudget
from cloud.routing.metrics import UpstreamMetrics
from cloud.routing.settings import RoutingSettings
from runtime.clock import Clock
from runtime.ids import NodeName

__all__ = ["RoutingParts"]


@dataclass(frozen=True, slots=True)
class RoutingParts:
    """What all calls of one gateway share when they are routed."""

    node: NodeName
    board: Board
    settings: RoutingSettings
    retries: ShareBudget
    hedges: ShareBudget
    prices: Prices
    metrics: UpstreamMetrics
    tracer: Tracer
    clock: Clock
    random: Random
