"""The router of ``leeward/auto``: loaded, and fitted to the graphs of this device."""

from collections.abc import Collection

from edge.config_routing import RoutingConfig
from runtime.collaboration.auto import AutoRouter
from runtime.errors import ConfigInvalid

__all__ = ["auto_router"]


def auto_router(config: RoutingConfig, known: Collection[str]) -> AutoRouter:
    """Load the router and fit it to the node's graphs.

    Args:
        config: What the configuration says.
        known: Names of the node's graphs.

    Raises:
        ConfigInvalid: It names a graph or model that there is not.
        ModelInvalid: The router's files cannot be used.
    """
    from runtime.routing.store import BUILT_IN, read_predictor  # numpy, for those who route

    predictor = read_predictor(BUILT_IN if config.router is None else config.router)
    for graph, model in config.graphs.items():
        if graph not in known:
            names = ", ".join(sorted(known)) or "none"
            reason = f'there is no graph named "{graph}"; known: {names}'
            raise ConfigInvalid(reason, field="routing.graphs")
        if model not in predictor.models:
            names = ", ".join(predictor.models)
            reason = f'the router knows no model "{model}"; it knows {names}'
            raise ConfigInvalid(reason, field=f"routing.graphs.{graph}")
    places = {graph: predictor.models.index(model) for graph, model in config.graphs.items()}

    def chances(text: str) -> dict[str, float]:
        said = predictor.predict([text])[0]
        return {graph: float(said[place]) for graph, place in places.items()}

    return AutoRouter(tuple(config.graphs), chances, config.right_usd)
