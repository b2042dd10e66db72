"""Load what the configuration names, and check that it fits together before anything starts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from edge.config import EdgeConfig
from edge.policy_revision import refuse_older
from edge.routing import auto_router
from runtime.catalog.document import load_catalog
from runtime.catalog.model import Catalog
from runtime.clock import SystemClock
from runtime.collaboration.auto import AutoRouter
from runtime.collaboration.graph_files import load_graphs, unknown_models
from runtime.errors import ConfigInvalid
from runtime.graph.model import Graph
from runtime.guards.document import load_guards
from runtime.guards.model import Guards
from runtime.identity.policy_signature import load_signed_policy
from runtime.identity.signing_keys import load_signers
from runtime.patterns.book import bound_patterns, places_in
from runtime.policy.model import Policy, ReleaseKind

__all__ = ["EdgeDocuments", "load_documents", "unused_releases"]


@dataclass(frozen=True, slots=True)
class EdgeDocuments:
    """Policy, catalog and graphs of a device."""

    policy: Policy
    catalog: Catalog
    graphs: Mapping[str, Graph]
    patterns: Mapping[str, Graph]
    """Shipped ones; a graph of the device stands before a pattern of its name."""
    guards: Guards
    router: AutoRouter | None = None
    """Chooses what ``leeward/auto`` means; ``None``: always the default graph."""


def load_documents(config: EdgeConfig, *, allows_older: bool = False) -> EdgeDocuments:
    """Read policy, catalog and graphs, and fit the shipped patterns to the catalog.

    Args:
        config: Names them.
        allows_older: Whether the policy may be older than one that ran here: an operator has
            signed that it comes back.

    Raises:
        PolicyInvalid: The policy cannot be applied; names file and line.
        CatalogInvalid: The catalog cannot be used; names file and line.
        GraphInvalid: A graph cannot run as written, or two have one name.
        SignatureInvalid: A graph or the policy is not signed as the configuration asks, or as its
            file says; or the policy is older than one that ran here.
        ConfigInvalid: They do not fit the configuration, or a signer's key cannot be used.
        ModelInvalid: The router's files cannot be used.
    """
    catalog = _with_adapters(config, load_catalog(config.catalog))
    today = SystemClock().now().date()
    documents = EdgeDocuments(
        policy=_policy(config, allows_older=allows_older),
        catalog=catalog,
        graphs=load_graphs(config.graphs, config.graph_signers),
        patterns=_patterns(config, catalog, today),
        guards=load_guards(config.guards) if config.guards else Guards(),
    )
    _check_nodes(config, documents.catalog)
    _check_models(config, documents.catalog)
    _check_sketch_model(config)
    _check_guards(config, documents.guards)
    _check_graphs(config, documents)
    if config.routing is None:
        return documents
    known = documents.patterns.keys() | documents.graphs.keys()
    return replace(documents, router=auto_router(config.routing, known))


def unused_releases(config: EdgeConfig, policy: Policy) -> str:
    """Say which releases of the policy nobody can make on this device; empty for none."""
    sketched = sorted(
        category
        for rule in policy.releases
        if rule.by is ReleaseKind.SKETCH
        for category in rule.categories
    )
    if not sketched or config.sketch_model is not None:
        return ""
    names = ", ".join(dict.fromkeys(sketched))
    why = "nobody writes abstracts here (`sketch_model`)"
    return f"{why}, so requests with {names} stay on the edge"


def _patterns(config: EdgeConfig, catalog: Catalog, today: date) -> dict[str, Graph]:
    if config.patterns is None:
        return {}
    for place, model in config.patterns.items():
        if model not in catalog.model_by_name:
            reason = f'place "{place}" gets a model that the catalog lacks: {model}'
            raise ConfigInvalid(reason, field="patterns")
    near = config.patterns.get("near")
    if near is not None and catalog.node_of(catalog.model_by_name[near]).zone != "edge":
        reason = f'place "near" is for a model of the edge, and {near} is none'
        raise ConfigInvalid(reason, field="patterns")
    return bound_patterns({**places_in(catalog, today=today), **config.patterns})


def _policy(config: EdgeConfig, *, allows_older: bool) -> Policy:
    signers = load_signers(config.policy_signers, field="policy_signers")
    policy, _ = load_signed_policy(config.policy, signers=signers)
    if signers is not None and not allows_older:
        refuse_older(policy, config.policy, config.state)
    return policy


def _with_adapters(config: EdgeConfig, catalog: Catalog) -> Catalog:
    """Add the models with an adapter that the catalog leaves out: what it says of the model."""
    known = catalog.model_by_name
    missing = [
        replace(known[model.base], name=model.name)
        for model in config.models
        if model.base is not None and model.base in known and model.name not in known
    ]
    return replace(catalog, models=(*catalog.models, *missing)) if missing else catalog


def _check_nodes(config: EdgeConfig, catalog: Catalog) -> None:
    here = catalog.node_by_name.get(config.name)
    if here is None or here.zone != "edge":
        reason = f'needs a node "{config.name}" with zone edge: it is this device'
        raise ConfigInvalid(reason, file=str(config.catalog), field="nodes")
    gateway = catalog.node_by_name.get(config.gateway) if config.gateway else None
    if config.gateway and (gateway is None or gateway.zone != "cloud"):
        reason = f'needs a node "{config.gateway}" with zone cloud: it is the gateway'
        raise ConfigInvalid(reason, file=str(config.catalog), field="nodes")


def _check_models(config: EdgeConfig, catalog: Catalog) -> None:
    for model in config.models:
        known = catalog.model_by_name.get(model.name)
        if known is None or known.node != config.name:
            reason = f'needs a model "{model.name}" on node "{config.name}": this device runs it'
            raise ConfigInvalid(reason, file=str(config.catalog), field="models")
    running = {model.name for model in config.models}
    for known in catalog.models:
        if known.node == config.name and known.name not in running:
            reason = f'says that "{known.name}" is on this device, but `models` does not run it'
            raise ConfigInvalid(reason, file=str(config.catalog), field=f"models.{known.name}")


def _check_sketch_model(config: EdgeConfig) -> None:
    running = sorted(str(model.name) for model in config.models)
    if config.sketch_model is not None and config.sketch_model not in running:
        reason = f'"{config.sketch_model}" is not among `models`: {", ".join(running)}'
        raise ConfigInvalid(reason, field="sketch_model")


def _check_guards(config: EdgeConfig, guards: Guards) -> None:
    running = {model.name for model in config.models}
    for guard in guards.every:
        if guard.model is not None and guard.model not in running:
            names = ", ".join(sorted(running))
            reason = f'"{guard.model}" is not among the `models` of this device: {names}'
            raise ConfigInvalid(reason, file=str(config.guards), field=f"guards.{guard.name}.model")


def _check_graphs(config: EdgeConfig, documents: EdgeDocuments) -> None:
    if config.default_graph not in documents.graphs:
        known = ", ".join(sorted(documents.graphs)) or "none"
        reason = f'there is no graph named "{config.default_graph}"; known: {known}'
        raise ConfigInvalid(reason, file=str(config.graphs), field="default_graph")
    for graph in documents.graphs.values():
        unknown = unknown_models(graph, frozenset(documents.catalog.model_by_name))
        if unknown:
            reason = f'graph "{graph.name}" names a model that the catalog lacks: {unknown[0]}'
            raise ConfigInvalid(reason, file=str(config.graphs), field="graphs")
