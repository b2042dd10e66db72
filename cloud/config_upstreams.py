"""The part of ``cloud/v1`` about providers and models: who serves what, and how hard to try.

Secrets are never in the file: a provider names the environment variable or the file that holds
its key, or says that it takes none. What it becomes is data of ``cloud.upstreams`` and
``cloud.routing``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field

from cloud.config_secrets import read_secret
from cloud.routing.breaker import BreakerSettings
from cloud.routing.settings import RoutingSettings
from cloud.upstreams.model import (
    Capabilities,
    Continuation,
    LimitField,
    Route,
    SchemaDialect,
    Target,
    UpstreamSpec,
)
from cloud.upstreams.prompt_text import PromptTemplate
from runtime.catalog.model import Price
from runtime.catalog.shape import PriceShape
from runtime.documents.document import Problem
from runtime.documents.names import ModelText, Name
from runtime.documents.shape import Shape
from runtime.errors import ConfigInvalid, ModelInvalid
from runtime.ids import ModelName
from runtime.rpc.address import is_loopback_host

__all__ = [
    "BreakerShape",
    "ModelShape",
    "RetryShape",
    "UpstreamConfig",
    "UpstreamShape",
    "model_problems",
    "read_spec",
    "route_of",
    "settings_of",
    "upstream_of",
    "upstream_problems",
]


_RAW: Final = "raw"


class CapabilitiesShape(Shape):
    """What a provider can do; a request that needs more is not sent there."""

    tools: bool = True
    schema_: SchemaDialect = Field(default="json_schema", alias="schema")
    """How it is told a schema: ``json_schema`` (OpenAI), ``json_object`` (the server packaged with
    llama-cpp-python), or ``none``."""
    grammar: bool = True
    """Answers that fit a GBNF grammar: llama.cpp's server alone."""
    logprobs: bool = True
    stream_usage: bool = True
    """Reports token counts at a stream's end when asked; without it we count ourselves."""
    repeat_penalty: bool = False
    """Takes llama.cpp's ``repeat_penalty``, and is told each call's. The server packaged with
    llama-cpp-python has one of 1.1 where nothing is said; a call means none."""
    limit_field: LimitField = "max_tokens"
    """``max_completion_tokens`` for OpenAI's reasoning models, which refuse the other name."""
    continuation: Continuation = "none"
    """How it is asked to go on with an answer that another provider began: ``assistant_turn``
    (llama.cpp's server), ``final_message`` (vLLM, SGLang), ``prefix`` (DeepSeek),
    ``prefix_echoed`` (Mistral)."""


class UpstreamShape(Shape):
    """A provider that speaks the OpenAI API."""

    base_url: str = Field(pattern=r"^https?://\S+$", max_length=2048)
    """Where the provider's OpenAI API starts, usually ending in ``/v1``."""
    api_key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Environment variable that holds the key."""
    api_key_file: str | None = None
    """File that holds the key; relative to this file."""
    keyless: bool = False
    """The server takes no key, such as one on this machine."""
    clear_text: bool = False
    """Prompts and key may go to it over a network without TLS."""
    connect_timeout_s: float = Field(default=5.0, gt=0, le=600)
    first_token_timeout_s: float = Field(default=60.0, gt=0, le=3600)
    """Longest wait for the first token; a slower one counts as unavailable."""
    idle_timeout_s: float = Field(default=30.0, gt=0, le=3600)
    """Longest silence inside a stream; a longer one counts as broken."""
    max_concurrency: int = Field(default=8, ge=1, le=10_000)
    """Calls in flight at once; further ones wait."""
    max_waiting: int = Field(default=256, ge=0, le=100_000)
    """Calls that may wait for a place."""
    max_wait_s: float = Field(default=10.0, gt=0, le=3600)
    """Longest wait for a place."""
    capabilities: CapabilitiesShape = Field(default_factory=CapabilitiesShape)


class TargetShape(Shape):
    """A model at a provider."""

    upstream: Name
    model: ModelText
    """The provider's own name for the model."""
    priority: int | None = Field(default=None, ge=0, le=1000)
    """Lower ones are asked first; equal ones share the calls. Without it: in the file's order."""
    weight: float = Field(default=1.0, gt=0, le=1_000_000)
    """Share of the calls among targets of equal priority."""
    prices: list[PriceShape] | None = Field(default=None, max_length=100)
    """What this target charges; without it, the model's prices."""
    draft_template: str | None = Field(default=None, min_length=1, max_length=4096)
    """This target goes on with begun answers and checks drafts of devices, which its provider's
    ``/v1/completions`` must be able to (``echo`` with ``logprobs``; tried when the gateway starts).
    The file of the model's chat template (Jinja), relative to this one; ``raw`` for a model without
    turns."""


class ModelShape(Shape):
    """A name that devices and applications ask for."""

    targets: list[TargetShape] = Field(min_length=1, max_length=16)
    """Who serves it; the next one answers when one is down."""
    embeddings: bool = False
    """It turns texts into vectors. Its targets must be the same model everywhere."""
    hedge: bool = False
    """A slow call may be asked a second time elsewhere, at its cost."""
    family: str = Field(default="", max_length=80)
    context_tokens: int = Field(default=0, ge=0, le=100_000_000)
    prices: list[PriceShape] = Field(default=[], max_length=100)


class RetryShape(Shape):
    """How hard the gateway tries."""

    attempts: int = Field(default=3, ge=1, le=16)
    """Attempts per call, over all targets."""
    longest_backoff_s: float = Field(default=5.0, ge=0, le=600)
    """Longest pause before a repeat, and longest ``Retry-After`` that is waited for."""


class BreakerShape(Shape):
    """When a provider that fails is left alone, and for how long."""

    failures_in_a_row: int = Field(default=5, ge=1, le=10_000)
    open_s: float = Field(default=2.0, gt=0, le=3600)
    """First time; doubles with every try that fails."""
    longest_open_s: float = Field(default=60.0, gt=0, le=86_400)
    probe_s: float = Field(default=15.0, ge=0.1, le=86_400)
    """How often each provider is asked for its models, to see whether it is there."""


@dataclass(frozen=True, slots=True)
class UpstreamConfig:
    """A provider as configured; its key still has to be read."""

    spec: UpstreamSpec
    """Without its key."""
    api_key_env: str | None
    api_key_file: Path | None

    @property
    def name(self) -> str:
        """The provider's name."""
        return self.spec.name


def upstream_problems(name: str, shape: UpstreamShape) -> Iterator[Problem]:
    """Say what cannot be in a provider's section."""
    given = (shape.api_key_env is not None, shape.api_key_file is not None, shape.keyless)
    if sum(given) != 1:
        reason = "needs its key: give one of `api_key_env`, `api_key_file` and `keyless: true`"
        yield Problem(("upstreams", name), reason)
    url = urlsplit(shape.base_url)
    if url.username is not None or url.password is not None:
        reason = "must not hold a user or a key; name the key beside it"
        yield Problem(("upstreams", name, "base_url"), reason)
    is_private = url.scheme == "https" or is_loopback_host(url.hostname or "")
    if not is_private and not shape.clear_text:
        reason = "would send prompts over a network in clear; use https, or say `clear_text: true`"
        yield Problem(("upstreams", name, "base_url"), reason)


def model_problems(
    models: Mapping[str, ModelShape], upstreams: Mapping[str, UpstreamShape]
) -> Iterator[Problem]:
    """Say what cannot be in the models' section."""
    for name, model in models.items():
        for index, target in enumerate(model.targets):
            if target.upstream not in upstreams:
                known = ", ".join(upstreams)
                reason = f'"{target.upstream}" is not an upstream of this file; known: {known}'
                yield Problem(("models", name, "targets", index, "upstream"), reason)
        if len({target.priority is None for target in model.targets}) > 1:
            reason = "give every target a `priority`, or none of them"
            yield Problem(("models", name, "targets"), reason)


def upstream_of(name: str, shape: UpstreamShape, base: Path) -> UpstreamConfig:
    """Return a provider's section as data; relative paths are taken from ``base``."""
    able = shape.capabilities
    spec = UpstreamSpec(
        name=name,
        base_url=shape.base_url,
        api_key=None,
        connect_timeout_s=shape.connect_timeout_s,
        first_token_timeout_s=shape.first_token_timeout_s,
        idle_timeout_s=shape.idle_timeout_s,
        max_concurrency=shape.max_concurrency,
        max_waiting=shape.max_waiting,
        max_wait_s=shape.max_wait_s,
        capabilities=Capabilities(
            tools=able.tools,
            schema=able.schema_,
            grammar=able.grammar,
            logprobs=able.logprobs,
            stream_usage=able.stream_usage,
            continuation=able.continuation,
            limit_field=able.limit_field,
            repeat_penalty=able.repeat_penalty,
        ),
    )
    file = base / shape.api_key_file if shape.api_key_file else None
    return UpstreamConfig(spec, shape.api_key_env, file)


def route_of(name: str, shape: ModelShape, base: Path) -> Route:
    """Return a model's section as data; relative paths are taken from ``base``.

    Raises:
        ConfigInvalid: A target's chat template cannot be used.
    """
    field = f"models.{name}.targets"
    return Route(
        model=ModelName(name),
        targets=tuple(
            _target(target, place, _template(target, base, f"{field}.{place}.draft_template"))
            for place, target in enumerate(shape.targets)
        ),
        prices=_prices(shape.prices),
        context_tokens=shape.context_tokens,
        family=shape.family,
        embeds=shape.embeddings,
        may_hedge=shape.hedge,
    )


def settings_of(retries: RetryShape, breaker: BreakerShape) -> RoutingSettings:
    """Return how hard to try."""
    return RoutingSettings(
        max_attempts=retries.attempts,
        longest_backoff_s=retries.longest_backoff_s,
        probe_s=breaker.probe_s,
        breaker=BreakerSettings(
            failures_in_a_row=breaker.failures_in_a_row,
            open_s=breaker.open_s,
            longest_open_s=max(breaker.open_s, breaker.longest_open_s),
        ),
    )


def read_spec(config: UpstreamConfig, environment: Mapping[str, str]) -> UpstreamSpec:
    """Return a provider with its key read.

    Raises:
        ConfigInvalid: There is no key where the file says that it is.
    """
    key = read_secret(
        "key",
        variable=config.api_key_env,
        file=config.api_key_file,
        environment=environment,
        field=f"upstreams.{config.name}",
    )
    return replace(config.spec, api_key=key)


def _template(shape: TargetShape, base: Path, field: str) -> PromptTemplate | None:
    if shape.draft_template is None:
        return None
    if shape.draft_template == _RAW:
        return PromptTemplate("")
    file = base / shape.draft_template
    try:
        template = PromptTemplate(file.read_text("utf-8"))
        template.check()
    except (OSError, UnicodeDecodeError):
        raise ConfigInvalid("is no file that can be read", file=str(file), field=field) from None
    except ModelInvalid as error:
        raise ConfigInvalid(str(error), file=str(file), field=field) from None
    return template


def _target(shape: TargetShape, place: int, template: PromptTemplate | None) -> Target:
    return Target(
        upstream=shape.upstream,
        upstream_model=shape.model,
        priority=place if shape.priority is None else shape.priority,
        weight=shape.weight,
        prices=None if shape.prices is None else _prices(shape.prices),
        template=template,
    )


def _prices(shapes: list[PriceShape]) -> tuple[Price, ...]:
    return tuple(
        Price(price.valid_from, price.prompt_usd_per_mtok, price.completion_usd_per_mtok)
        for price in shapes
    )
