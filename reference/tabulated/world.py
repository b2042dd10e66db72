"""The deployment that the benchmark plans for: its policy, its catalog, its questions' labels.

Knows which model stands where and what it costs; runs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Final

from optimizer.search import costs
from reference.models import CONTEXT_TOKENS, VOCABULARY_SIZE, spec_of
from reference.tasks import Question
from reference.tasks.question import SpanKind
from runtime.catalog.model import Catalog, Model, Node, Price
from runtime.ids import Category, ModelName, NodeName
from runtime.labels import Label
from runtime.policy.document import parse_policy
from runtime.policy.model import Policy, ReleaseKind, Zone

__all__ = [
    "CATEGORY_OF",
    "PRICED_ON",
    "call_flops",
    "catalog_of",
    "flops_terms",
    "label_of",
    "policy",
    "stays",
    "zone_of",
]

CATEGORY_OF: Final[Mapping[SpanKind, Category]] = MappingProxyType(
    {
        "person": Category("person"),
        "phone": Category("contact"),
        "email": Category("contact"),
        "iban": Category("finance"),
        "health": Category("health"),
    }
)
"""What the tasks' kinds of spans are called in a policy."""

PRICED_ON: Final = date(2026, 1, 1)
"""The day whose prices count."""

_POLICY: Final = """\
leeward: policy/v1
categories: {person: confidential, contact: confidential, finance: confidential, health: restricted}
clearance: {edge: restricted, cloud: internal}
releases:
  - {categories: [person, contact, finance], to: cloud, by: redact}
when_unsure: restricted
cloud_away: refuse
"""
_USD_PER_MTOK: Final = 0.25
"""Completion tokens of a cloud model cost this per million and million of its parameters, prompt
tokens a quarter; the figure is an example, the proportions are what hosted models charge."""


def zone_of(model: str) -> Zone:
    """Return where a reference model stands: terns on the edge, gannets in the cloud."""
    return "edge" if model.startswith("tern") else "cloud"


def policy() -> Policy:
    """Return the policy: people, contacts and accounts may leave redacted, health may not.

    An absent cloud refuses: a stand-in for a failed call would be another graph's answer.
    """
    return parse_policy(_POLICY)


def catalog_of(pool: Sequence[str]) -> Catalog:
    """Return the catalog of a pool of reference models; steps on the edge are free."""
    zones = sorted({zone_of(model) for model in pool}, reverse=True)
    return Catalog(
        nodes=tuple(Node(NodeName(zone), zone) for zone in zones),
        models=tuple(_model(name) for name in pool),
    )


def label_of(question: Question) -> Label:
    """Return the label of a question, from the spans that it is known to hold."""
    return Label(frozenset(CATEGORY_OF[span.kind] for span in question.spans))


def stays(label: Label) -> bool:
    """Say whether nothing of a question with this label may leave, not even redacted."""
    rules, cloud = policy(), NodeName("cloud")
    redacted = rules.releasable(label, cloud, "cloud", by=ReleaseKind.REDACT)
    return not rules.may_receive(cloud, "cloud", Label(label.categories - redacted))


def call_flops(model: str, prompt_tokens: int, completion_tokens: int) -> float:
    """Return the FLOPs of one call, by the formula of Agent-REINFORCE (AGENT_REINFORCE 1.4).

    The embedding's weights do not count.
    """
    spec = spec_of(model)
    weights = spec.parameters - VOCABULARY_SIZE * spec.width
    return costs.call_flops(
        costs.ModelShape(weights, spec.layers, spec.width),
        prompt_tokens=prompt_tokens,
        answer_tokens=completion_tokens,
    )


def flops_terms(model: str) -> tuple[float, float]:
    """Return what a token and what a squared token of a call adds to its FLOPs.

    ``call_flops`` is a quadratic without a constant in the tokens read and written; two points
    give its terms.
    """
    one, two = call_flops(model, 1, 0), call_flops(model, 2, 0)
    return 2 * one - two / 2, two / 2 - one


def _model(name: str) -> Model:
    spec = spec_of(name)
    zone = zone_of(name)
    usd = 0.0 if zone == "edge" else _USD_PER_MTOK * spec.parameters / 1e6
    return Model(
        name=ModelName(name),
        node=NodeName(zone),
        family=spec.family,
        parameters=spec.parameters,
        layers=spec.layers,
        hidden_size=spec.width,
        context_tokens=CONTEXT_TOKENS,
        prices=(Price(PRICED_ON, usd / 4, usd),) if usd else (),
    )
