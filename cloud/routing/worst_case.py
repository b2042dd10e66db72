"""The most that one call can be charged, over all the attempts that may be made for it.

The attempt that answers is bounded by bytes, since no token is shorter than one. Every further
attempt that may be charged is one whose usage we count ourselves, by a rule that is known before
the call; so these are exact and the reservation need not be a multiple of the bound.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from cloud.admission.prices import Prices, valid_between
from cloud.routing.needs import can_continue, can_hedge
from cloud.routing.settings import RoutingSettings
from cloud.stages import WorstCase, micros
from cloud.upstreams.embedding import embedding_bound
from cloud.upstreams.estimate import rough_prompt_tokens, token_bound
from cloud.upstreams.model import Route
from runtime.catalog.model import Price
from runtime.ports import EmbedRequest, GenerateRequest

__all__ = ["worst_case"]


def worst_case(
    request: GenerateRequest | EmbedRequest,
    route: Route,
    settings: RoutingSettings,
    prices: Prices,
    now: datetime,
) -> WorstCase:
    """Return the most that ``request`` can be charged if it is made ``now``."""
    if isinstance(request, EmbedRequest):
        # An attempt that failed gave no vectors, and is not charged.
        prompt, completion = embedding_bound(request.texts).prompt_tokens, 0
    else:
        prompt, completion = _generated(request, route, settings)
    last = now + timedelta(seconds=request.timeout_s)
    possible = _prices(route, prices, now.date(), last.date())
    return WorstCase(prompt, completion, _cost_micros(prompt, completion, possible))


def _generated(
    request: GenerateRequest, route: Route, settings: RoutingSettings
) -> tuple[int, int]:
    bound = token_bound(request)
    further = settings.max_attempts - 1
    prompt = bound.prompt_tokens + further * rough_prompt_tokens(request)
    completion = bound.completion_tokens
    if can_continue(request):
        # What was written is read again by whoever goes on; once, and perhaps cut differently.
        prompt += 2 * request.sampling.max_tokens
    if can_hedge(request, route):
        # The slower one may have written as much as the faster one when it is stopped.
        completion += bound.completion_tokens
    return prompt, completion


def _prices(route: Route, prices: Prices, first: date, last: date) -> Sequence[Price] | None:
    """Return the prices of every target; ``None`` when that of one of them is not known."""
    found: list[Price] = []
    for target in route.targets:
        possible = valid_between(prices.of(route, target), first, last)
        if not possible:
            return None
        found += possible
    return found


def _cost_micros(prompt: int, completion: int, prices: Sequence[Price] | None) -> int | None:
    if prices is None:
        return None
    dearest = Price(
        prices[0].valid_from,
        max(price.prompt_usd_per_mtok for price in prices),
        max(price.completion_usd_per_mtok for price in prices),
    )
    return micros(dearest.cost_usd(prompt, completion))
