"""The gateway's ``Models``: every alias it serves, over every provider it knows."""

import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from random import Random
from typing import Final

from opentelemetry.trace import Tracer

from cloud.admission.prices import Prices
from cloud.charges import Tally
from cloud.routing.board import Board
from cloud.routing.budget import ShareBudget
from cloud.routing.course import Course
from cloud.routing.embedding import embed
from cloud.routing.metrics import UpstreamMetrics
from cloud.routing.needs import capable_targets
from cloud.routing.parts import RoutingParts
from cloud.routing.settings import RoutingSettings
from cloud.routing.worst_case import worst_case
from cloud.stages import Embedded, WorstCase
from cloud.upstreams.failures import UpstreamFailed
from cloud.upstreams.model import Route, Target
from cloud.upstreams.openai_upstream import OpenAIUpstream
from cloud.upstreams.prompt_text import PromptTemplate
from runtime.clock import Clock
from runtime.errors import ConfigInvalid, NotFound
from runtime.ids import ModelName, NodeName
from runtime.ports import Chunk, EmbedRequest, GenerateRequest

__all__ = ["Router"]

_logger: Final = logging.getLogger("leeward.cloud.routing")


class Router:
    """Serves model aliases from their targets.

    Args:
        upstreams: The providers by name; closed with the router.
        routes: What is served.
        settings: How hard to try.
        node: This gateway's name, which answers carry.
        prices: What targets charge, as of now.
        metrics: Counts what happens at providers.
        tracer: Makes a span for every attempt, below the call's.
        clock: Tells the time.
        random: Draws targets and pauses; seeded in tests.
    """

    def __init__(
        self,
        upstreams: Mapping[str, OpenAIUpstream],
        routes: Sequence[Route],
        settings: RoutingSettings,
        *,
        node: NodeName,
        prices: Prices,
        metrics: UpstreamMetrics,
        tracer: Tracer,
        clock: Clock,
        random: Random,
    ) -> None:
        self._upstreams = upstreams
        self._listed = tuple(routes)
        self._routes = {route.model: route for route in routes}
        self._capabilities = {name: one.spec.capabilities for name, one in upstreams.items()}
        self.board = Board(upstreams, settings, metrics, clock=clock, random=random)
        self._parts = RoutingParts(
            node=node,
            board=self.board,
            settings=settings,
            retries=ShareBudget(settings.retries, clock),
            hedges=ShareBudget(settings.hedges, clock),
            prices=prices,
            metrics=metrics,
            tracer=tracer,
            clock=clock,
            random=random,
        )

    @property
    def routes(self) -> tuple[Route, ...]:
        """The models served, in configured order."""
        return self._listed

    async def check_drafts(self) -> None:
        """Try every target that is said to check drafts; one that is away is tried with a call.

        Raises:
            ConfigInvalid: One does not.
        """
        for route in self._listed:
            for place, target in enumerate(route.targets):
                if target.template is not None:
                    field = f"models.{route.model}.targets.{place}.draft_template"
                    await self._check_draft(target, target.template, field)

    async def _check_draft(self, target: Target, template: PromptTemplate, field: str) -> None:
        drafts = self._upstreams[target.upstream].drafts
        try:
            is_able = await drafts.is_able(target.upstream_model, template)
        except UpstreamFailed as failure:
            extra = {"upstream": target.upstream, "reason": failure.fault.value}
            _logger.warning("drafts_not_tried", extra=extra)
            return
        if not is_able:
            raise ConfigInvalid(drafts.refusal(target.upstream_model), field=field)

    async def close(self) -> None:
        """Close every provider's connections."""
        for upstream in self._upstreams.values():
            await upstream.close()

    def worst_case(self, request: GenerateRequest | EmbedRequest) -> WorstCase:
        """Return the most that ``request`` can be charged, over all the attempts made for it.

        Raises:
            NotFound: No such model.
        """
        now, parts = self._parts.clock.now(), self._parts
        return worst_case(request, self._route(request.model), parts.settings, parts.prices, now)

    def generate(self, request: GenerateRequest, tally: Tally) -> AsyncGenerator[Chunk, None]:
        """Stream one answer of ``request.model``; see ``runtime.ports.ModelPort``.

        Args:
            request: What is asked.
            tally: Gets what every attempt is charged, however the call ends.
        """
        route = self._route(request.model)
        self._parts.retries.note_call()
        self._parts.hedges.note_call()
        return Course(
            self._parts,
            route,
            capable_targets(request, route, self._capabilities),
            request,
            tally,
            self.worst_case(request),
        ).run()

    async def embed(self, request: EmbedRequest) -> Embedded:
        """Turn texts into vectors of unit length.

        Raises:
            LeewardError: No provider answers with them.
        """
        self._parts.retries.note_call()
        return await embed(self._parts, self._route(request.model), request)

    def _route(self, model: ModelName) -> Route:
        route = self._routes.get(model)
        if route is None:
            raise NotFound(f"this gateway serves no model named {model!r}")
        return route
