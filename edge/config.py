"""The edge's configuration file (``edge/v1``): listeners, documents, models, the gateway.

Relative paths are taken from the file's own directory. Secrets are never in the file.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from edge.capture.settings import CaptureSettings, CaptureShape, capture_settings
from edge.config_fleet import FleetConfig, FleetShape, fleet_config
from edge.config_http import HttpTls, HttpTlsShape, Origin, http_tls
from edge.config_outbox import OutboxConfig, OutboxShape, outbox_config
from edge.config_people import PeopleConfig, PeopleShape, people_config
from edge.config_routing import RoutingConfig, RoutingShape, routing_config
from edge.config_sentinel import SentinelConfig, SentinelShape, sentinel_config
from edge.models.adapters import resolve_adapter_file
from edge.models.store import resolve_model_file
from runtime.documents.document import Document, Problem
from runtime.documents.names import ModelText, Name
from runtime.documents.reader import parse_document, read_document
from runtime.documents.shape import Shape, read_shape
from runtime.errors import ConfigInvalid
from runtime.ids import ModelName, NodeName
from runtime.patterns.places import Places, places_of
from runtime.rpc.address import is_local

__all__ = [
    "EDGE_VERSION",
    "EdgeConfig",
    "HttpTls",
    "ModelConfig",
    "TensorModelConfig",
    "load_config",
    "parse_config",
]

EDGE_VERSION = "edge/v1"
_MAX_KEEP_ALIVE_S = 365 * 24 * 3600.0
Address = Annotated[str, Field(pattern=r"^\S+:\d{1,5}$", max_length=255)]

MAX_ADAPTERS: Final = 16
"""Of one model: each holds a context of its own in memory."""
DEFAULT_HUB: Final = "https://huggingface.co"
CredentialName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,254}$")]
Url = Annotated[str, Field(pattern=r"^https?://[^\s/@]+[^\s]*$", max_length=1024)]


class _ModelShape(Shape):
    file: str = Field(min_length=1, max_length=4096)
    """A GGUF or ONNX file, the folder of an ONNX model (with a slash), or the name under which
    ``leeward edge pull`` stored one."""
    sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    """Refuse the file when its content differs; left out, it is not checked."""
    context_tokens: int = Field(default=0, ge=0, le=10_000_000)
    """0 takes what the model was trained for."""
    threads: int = Field(default=0, ge=0, le=1024)
    """0 takes the number of cores."""
    slots: int = Field(default=8, ge=1, le=64)
    """Calls that are answered at the same time; the others wait."""
    cache_tokens: int = Field(default=0, ge=0, le=100_000_000)
    """Room for the tokens of all slots together; 0 takes one context, at least 8192."""
    deterministic: bool = False
    """The same text whatever else is asked at the same time; costs what batching wins."""
    draft: ModelText | None = None
    """Another of these models, small and with the same vocabulary, that guesses how a stream which
    is alone goes on."""
    adapters: dict[Name, str] = Field(default={}, max_length=MAX_ADAPTERS)
    """LoRA adapters by name, each a GGUF file, a registered adapter's name or a pulled model's.
    ``MODEL+NAME`` is served beside the model, by a process of its own with the same settings."""
    load: Literal["at_start", "on_demand"] = "at_start"
    """On demand, the first call brings it into memory and waits for that."""
    keep_alive_s: float | None = Field(default=None, gt=0, le=_MAX_KEEP_ALIVE_S)
    """Unloaded after so long without a call; left out, it stays until its memory is needed."""


class _TensorShape(Shape):
    file: str = Field(min_length=1, max_length=4096)
    """An ONNX file, or a folder that holds ``model.onnx``."""
    sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    """Refuse the file when its content differs; left out, it is not checked."""
    threads: int = Field(default=0, ge=0, le=1024)
    """0 takes all cores but one."""


class _EdgeShape(Shape):
    leeward: str
    name: Name = "edge"
    """The node's name, as catalogs and policies call it."""
    listen: Address = "127.0.0.1:7450"
    """gRPC for applications on this device; loopback only."""
    http: Address = "127.0.0.1:8450"
    """The OpenAI-compatible front; loopback only unless ``http_token_file`` is given, or
    ``client_authority_file`` of ``http_tls``."""
    http_token_file: str | None = None
    """File that holds the bearer token of the HTTP front."""
    http_tls: HttpTlsShape | None = None
    """Serve the HTTP front over TLS; left out, in clear."""
    http_origins: tuple[Origin, ...] = Field(default=(), max_length=32)
    """Web pages whose scripts may call the HTTP front, by origin; others may not."""
    console: bool = True
    """Show how the device stands on a page of the HTTP front, `/console`."""
    state: str = "edge-state"
    """Directory for identity, ledger and vault."""
    identity_passphrase_file: str | None = Field(default=None, min_length=1, max_length=4096)
    """File that holds the passphrase of this device's private keys; left out, they are not
    encrypted."""
    identity_passphrase_credential: CredentialName | None = None
    """The same as a credential of systemd's, by name: one that only this machine's TPM opens."""
    policy: str
    catalog: str
    graphs: str
    """Directory of graph files."""
    patterns: Places = True
    """Serve the shipped patterns too, with these models in their places; a place that is left out
    gets the catalog's best fit. ``false`` serves none."""
    capture: CaptureShape | None = None
    """What may be kept of requests whose callers consent; left out, nothing is."""
    guards: str | None = Field(default=None, min_length=1, max_length=4096)
    """File of guards, who judge each text on its way to a model and back; left out: none."""
    people: PeopleShape | None = None
    """Lets graphs ask a person of this device (the rule ``person``); left out, they abstain."""
    graph_signers: list[str] | None = Field(default=None, min_length=1, max_length=64)
    """Public key files (PEM, Ed25519) of those who may sign graphs: every file of ``graphs`` then
    needs a signature by one of them. Left out, unsigned graphs load, too."""
    policy_signers: list[str] | None = Field(default=None, min_length=1, max_length=64)
    """The same for the policy: it then needs a signature by one of them, and no revision lower
    than one that ran here before is taken."""
    sketch_model: ModelText | None = None
    """The model of this device that writes abstracts for releases ``by: sketch``."""
    default_graph: Name
    """What ``leeward/auto`` means."""
    routing: RoutingShape | None = None
    """Lets a router choose what ``leeward/auto`` means; left out, it is always ``default_graph``.
    """
    models: dict[ModelText, _ModelShape] = Field(min_length=1, max_length=64)
    """Models that this device runs itself."""
    tensor_models: dict[ModelText, _TensorShape] = Field(default={}, max_length=64)
    """Models that take tensors, over the Open Inference Protocol; in no catalog and no graph."""
    model_signers: list[str] | None = Field(default=None, min_length=1, max_length=64)
    """Public key files (PEM, Ed25519) of those who may vouch for models: every model that is pulled
    or loaded then needs a manifest signed by one of them. Left out, others load, too."""
    disk_quota_mib: int | None = Field(default=None, ge=1, le=1 << 30)
    """What all pulled models may take of the disk."""
    hub: Url = DEFAULT_HUB
    """Where ``leeward edge pull`` looks for ``owner/repo/file``; a mirror, for example."""
    memory_budget_mib: int | None = Field(default=None, ge=1, le=1 << 30)
    """What all loaded models may take together; who was idle longest makes room for another."""
    gateway: Name | None = "cloud"
    """Node name of the gateway; null for a device without one."""
    sentinel: SentinelShape = SentinelShape()
    outbox: OutboxShape = OutboxShape()
    request_timeout_s: float = Field(default=120.0, gt=0, le=3600)
    """Used when a caller sends no deadline."""
    max_queue: int = Field(default=64, ge=1, le=10_000)
    """Calls that may wait for one model; one more is told to come back later."""
    max_priority: int = Field(default=0, ge=0, le=9)
    """The highest priority that a caller may give its calls; 0 lets none go before others."""
    session_hours: float = Field(default=24.0, gt=0, le=24 * 365)
    """How long the vault keeps a session's placeholders."""
    fleet: FleetShape | None = None
    """Let operators set policy, catalog, graphs, models and some settings through the gateway."""


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """A model that the device runs itself."""

    name: ModelName
    file: Path
    sha256: str
    context_tokens: int
    threads: int
    slots: int
    cache_tokens: int
    is_deterministic: bool
    is_loaded_at_start: bool
    keep_alive_s: float | None
    """``None``: for as long as nobody needs its memory."""
    draft: Path | None = None
    """The file of the model that guesses for it; ``None`` for none."""
    adapter: Path | None = None
    """The LoRA adapter that is in force; ``None`` for the model as it is."""
    base: ModelName | None = None
    """Of a model with an adapter, the name of the same without one."""


@dataclass(frozen=True, slots=True)
class TensorModelConfig:
    """A model that takes tensors."""

    name: ModelName
    file: Path
    sha256: str
    threads: int


@dataclass(frozen=True, slots=True)
class EdgeConfig:
    """Everything the daemon is told."""

    name: NodeName
    listen: str
    http: str
    http_token_file: Path | None
    http_tls: HttpTls | None
    http_origins: frozenset[str]
    console: bool
    state: Path
    identity_passphrase_file: Path | None
    """With no credential either, the device's private keys are not encrypted."""
    identity_passphrase_credential: str | None
    policy: Path
    catalog: Path
    graphs: Path
    graph_signers: tuple[Path, ...] | None
    """``None``: graphs need no signature."""
    sketch_model: ModelName | None
    policy_signers: tuple[Path, ...] | None
    """``None``: the policy needs none."""
    default_graph: str
    models: tuple[ModelConfig, ...]
    tensor_models: tuple[TensorModelConfig, ...]
    model_signers: tuple[Path, ...] | None
    """``None``: models need no manifest."""
    disk_quota_bytes: int | None
    hub: str
    memory_budget_bytes: int | None
    gateway: NodeName | None
    sentinel: SentinelConfig
    outbox: OutboxConfig
    request_timeout_s: float
    max_queue: int
    max_priority: int
    session_hours: float
    patterns: Mapping[str, ModelName] | None = field(default_factory=dict)
    """Models for the places of the shipped patterns; ``None`` serves none of them."""
    guards: Path | None = None
    capture: CaptureSettings | None = None
    people: PeopleConfig | None = None
    """``None``: no graph asks anybody."""
    fleet: FleetConfig | None = None
    """``None``: nobody sets anything from afar."""
    routing: RoutingConfig | None = None


def load_config(path: Path, *, changes: Mapping[str, object] | None = None) -> EdgeConfig:
    """Read a configuration file.

    Args:
        path: The file.
        changes: Values of keys that are not the file's, as a fleet's state has them.

    Raises:
        ConfigInvalid: Names file, line and field of the first problem.
    """
    document = read_document(path, error=ConfigInvalid)
    return _config(replace(document, data={**document.data, **(changes or {})}), path.parent)


def parse_config(text: str, *, base: Path, file: str = "") -> EdgeConfig:
    """Read configuration text; relative paths are taken from ``base``.

    Raises:
        ConfigInvalid: Names line and field of the first problem.
    """
    return _config(parse_document(text, error=ConfigInvalid, file=file), base)


def _config(document: Document, base: Path) -> EdgeConfig:
    shape = read_shape(document, _EdgeShape, version=EDGE_VERSION)
    document.refuse(_problems(shape))
    state = base / shape.state
    files = {
        name: resolve_model_file(model.file, state, base=base)
        for name, model in shape.models.items()
    }
    return EdgeConfig(
        name=NodeName(shape.name),
        listen=shape.listen,
        http=shape.http,
        http_token_file=base / shape.http_token_file if shape.http_token_file else None,
        http_tls=http_tls(base, shape.http_tls),
        http_origins=frozenset(shape.http_origins),
        console=shape.console,
        state=state,
        identity_passphrase_file=base / shape.identity_passphrase_file
        if shape.identity_passphrase_file
        else None,
        identity_passphrase_credential=shape.identity_passphrase_credential,
        policy=base / shape.policy,
        catalog=base / shape.catalog,
        graphs=base / shape.graphs,
        graph_signers=_paths(base, shape.graph_signers),
        patterns=places_of(shape.patterns),
        capture=capture_settings(shape.capture),
        people=people_config(shape.people),
        guards=base / shape.guards if shape.guards else None,
        routing=routing_config(shape.routing, base),
        policy_signers=_paths(base, shape.policy_signers),
        sketch_model=ModelName(shape.sketch_model) if shape.sketch_model else None,
        default_graph=shape.default_graph,
        models=tuple(
            one
            for name, model in shape.models.items()
            for one in _models(ModelName(name), model, files, state=state, base=base)
        ),
        tensor_models=tuple(
            TensorModelConfig(ModelName(name), base / model.file, model.sha256, model.threads)
            for name, model in shape.tensor_models.items()
        ),
        model_signers=_paths(base, shape.model_signers),
        disk_quota_bytes=shape.disk_quota_mib and shape.disk_quota_mib << 20,
        hub=shape.hub,
        memory_budget_bytes=shape.memory_budget_mib and shape.memory_budget_mib << 20,
        gateway=NodeName(shape.gateway) if shape.gateway else None,
        sentinel=sentinel_config(shape.sentinel, base),
        outbox=outbox_config(shape.outbox),
        request_timeout_s=shape.request_timeout_s,
        max_queue=shape.max_queue,
        max_priority=shape.max_priority,
        session_hours=shape.session_hours,
        fleet=fleet_config(base, shape.fleet),
    )


def _models(
    name: ModelName, shape: _ModelShape, files: Mapping[str, Path], *, state: Path, base: Path
) -> Iterator[ModelConfig]:
    """Yield a model, then the same with each of its adapters."""
    plain = ModelConfig(
        name=name,
        file=files[name],
        sha256=shape.sha256,
        context_tokens=shape.context_tokens,
        threads=shape.threads,
        slots=shape.slots,
        cache_tokens=shape.cache_tokens,
        is_deterministic=shape.deterministic,
        is_loaded_at_start=shape.load == "at_start",
        keep_alive_s=shape.keep_alive_s,
        draft=files[shape.draft] if shape.draft else None,
    )
    yield plain
    for adapter, file in shape.adapters.items():
        yield replace(
            plain,
            name=ModelName(f"{name}+{adapter}"),
            adapter=resolve_adapter_file(file, state, base=base),
            base=name,
        )


def _paths(base: Path, files: list[str] | None) -> tuple[Path, ...] | None:
    return None if files is None else tuple(base / file for file in files)


def _problems(shape: _EdgeShape) -> list[Problem]:
    found = []
    for name, model in shape.models.items():
        if model.draft is not None and (reason := _draft_problem(name, model, shape)):
            found.append(Problem(("models", name, "draft"), reason))
        for adapter in model.adapters:
            if f"{name}+{adapter}" in shape.models:
                reason = "is the name of another model with this adapter's name behind it"
                found.append(Problem(("models", name, "adapters", adapter), reason))
    for name in sorted(shape.tensor_models.keys() & shape.models.keys()):
        reason = "is the name of a language model already"
        found.append(Problem(("tensor_models", name), reason))
    if shape.identity_passphrase_file and shape.identity_passphrase_credential:
        reason = "must be left out where `identity_passphrase_file` is given"
        found.append(Problem(("identity_passphrase_credential",), reason))
    if not is_local(shape.listen):
        reason = "must be a loopback address: local applications are not authenticated there"
        found.append(Problem(("listen",), reason))
    knows_callers = shape.http_tls is not None and shape.http_tls.client_authority_file
    if not is_local(shape.http) and shape.http_token_file is None and not knows_callers:
        reason = (
            "listens beyond loopback, so it needs `http_token_file`,"
            " or `client_authority_file` in `http_tls`"
        )
        found.append(Problem(("http",), reason))
    return found


def _draft_problem(name: str, model: _ModelShape, shape: _EdgeShape) -> str:
    if model.draft == name or model.draft not in shape.models:
        return "is not the name of another model of this file"
    if model.deterministic:
        return "guesses make batches differ, so a `deterministic` model takes none"
    return ""
