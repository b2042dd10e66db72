"""``leeward edge adapters`` and ``leeward edge models swap``: what was trained comes into use.

Nothing comes into use before a gate has compared it with what it replaces, unless ``--ungated``.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from edge.capture.trial import OnTrial
from edge.cli_gate import (
    CONFIDENCE,
    MARGIN,
    ConfidenceOption,
    Gate,
    GateOption,
    MarginOption,
    UngatedOption,
    run_gated,
)
from edge.cli_options import DEFAULT_CONFIG, ConfigOption
from edge.config import EdgeConfig, ModelConfig, load_config
from edge.models.adapters import AdapterRegistry, RegisteredAdapter
from edge.models.manifest import require_vouched
from edge.models.store import ModelStore
from edge.residency.plans import plans_of
from runtime.cli.output import JsonOption, make_table, run_command, show
from runtime.clock import SystemClock
from runtime.errors import NotFound, RequestInvalid
from runtime.identity.signing_keys import load_signers

__all__ = ["adapters_app", "swap"]

adapters_app = typer.Typer(
    name="adapters",
    help="LoRA adapters registered for models of this device.",
    no_args_is_help=True,
    add_completion=False,
)
NameArgument = Annotated[str, typer.Argument(help="The adapter.")]
_LOADED_NEXT: Final = (
    "the daemon loads it when it next loads the model: `leeward edge models unload` and `load`"
)


@adapters_app.command("register")
def register_command(
    file: Annotated[Path, typer.Argument(help="The adapter's GGUF file.")],
    name: Annotated[str, typer.Option(help="What to call it.")],
    model: Annotated[str, typer.Option(help="The model that it corrects, as configured.")],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    dataset: Annotated[str, typer.Option(help="What it was trained on, for the record.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Take a copy as the next version, if it fits the model; it is not in use yet."""

    def work() -> None:
        loaded = load_config(config)
        require_vouched(file, load_signers(loaded.model_signers, field="model_signers"))
        base = _model(loaded, model)
        made = _registry(loaded).register(
            name, file, base_model=model, base=base.file, dataset=dataset
        )
        line = (
            f"registered {name} version {made.version} for {model} ({made.base_sha256[:12]}):"
            f" rank {made.rank}, {made.tensors} tensors"
        )
        hint = f"use it with `leeward edge adapters use {name} {made.version} --gate FILE`"
        show(asdict(made), line, hint, as_json=as_json)

    run_command(work, as_json=as_json)


@adapters_app.command("list")
def list_command(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """List every version of every adapter, and which are in use."""

    def work() -> None:
        found = _registry(load_config(config)).all()
        rows = [
            (
                adapter.name,
                f"{one.version}{' *' if one == adapter.active else ''}",
                f"{one.base_model} {one.base_sha256[:12]}",
                one.rank,
                one.registered_at.replace("T", " ")[:16],
                one.dataset or "-",
                one.gate or "-",
            )
            for adapter in found
            for one in adapter.versions
        ]
        heads = ("adapter", "version", "for model", "rank", "registered", "trained on", "gate")
        data = {"adapters": [_data(adapter) for adapter in found]}
        table = make_table(heads, rows)
        show(data, table if rows else "no adapter is registered", as_json=as_json)

    run_command(work, as_json=as_json)


@adapters_app.command("use")
def use_command(
    name: NameArgument,
    version: Annotated[int, typer.Argument(help="Its version.")],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    gate: GateOption = None,
    margin: MarginOption = MARGIN,
    confidence: ConfidenceOption = CONFIDENCE,
    ungated: UngatedOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take a version into use if the gate passes it; exit code 3 if it does not.

    It is compared with the version in use, or with the model alone while none is.
    """

    def work() -> bool:
        loaded = load_config(config)
        registry = _registry(loaded)
        known = registry.get(name)
        chosen = known.version(version)
        base = _model(loaded, chosen.base_model)
        file = registry.require_version(name, chosen, base.file)
        current = known.active
        judged = Gate(gate, margin, confidence, is_ungated=ungated).judge(
            OnTrial(base.file, file),
            OnTrial(base.file, registry.file_of(name, current.version) if current else None),
            plans_of(loaded)[base.name].options,
        )
        lines = [judged.line]
        if judged.has_passed:
            registry.use(name, version, gate=judged.line)
            lines.append(f"{name} is version {version}; {_LOADED_NEXT}")
        show(judged.data | {"adapter": name, "version": version}, *lines, as_json=as_json)
        return judged.has_passed

    run_gated(work, as_json=as_json)


@adapters_app.command("rollback")
def rollback_command(
    name: NameArgument, config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False
) -> None:
    """Take the version into use that was before."""

    def work() -> None:
        changed = _registry(load_config(config)).rollback(name)
        line = f"{name} is version {changed.used[-1]} again; {_LOADED_NEXT}"
        show(_data(changed), line, as_json=as_json)

    run_command(work, as_json=as_json)


def swap(
    name: Annotated[str, typer.Argument(help="The configured model whose file is replaced.")],
    candidate: Annotated[str, typer.Argument(help="The pulled model that takes its place.")],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    gate: GateOption = None,
    margin: MarginOption = MARGIN,
    confidence: ConfidenceOption = CONFIDENCE,
    ungated: UngatedOption = False,
    as_json: JsonOption = False,
) -> None:
    """Let two pulled models change names if the gate passes; exit code 3 if it does not.

    The old one then is called as the candidate was: the same command, `--ungated`, rolls back.
    """

    def work() -> bool:
        loaded = load_config(config)
        store = ModelStore(loaded.state, clock=SystemClock())
        base = _model(loaded, name)
        stored = base.file.name.removesuffix(".gguf")
        if base.sha256 or store.get(stored).file != base.file:
            reason = f"{name} is bound to a path or a SHA-256 in {config}; change it there"
            raise RequestInvalid(reason)
        new = store.verify(candidate)
        require_vouched(new.file, load_signers(loaded.model_signers, field="model_signers"))
        judged = Gate(gate, margin, confidence, is_ungated=ungated).judge(
            OnTrial(new.file), OnTrial(base.file), plans_of(loaded)[base.name].options
        )
        lines = [judged.line]
        if judged.has_passed:
            store.exchange(stored, candidate)
            lines.append(f"{name} is what {candidate} was, and the reverse; {_LOADED_NEXT}")
        show(judged.data | {"model": name, "candidate": candidate}, *lines, as_json=as_json)
        return judged.has_passed

    run_gated(work, as_json=as_json)


def _registry(config: EdgeConfig) -> AdapterRegistry:
    return AdapterRegistry(config.state, clock=SystemClock())


def _model(config: EdgeConfig, name: str) -> ModelConfig:
    known = {str(model.name): model for model in config.models if model.base is None}
    if name not in known:
        raise NotFound(f"the configuration runs no model {name}; it runs {', '.join(known)}")
    return known[name]


def _data(adapter: RegisteredAdapter) -> dict[str, Any]:
    return {
        "name": adapter.name,
        "active": adapter.used[-1] if adapter.used else None,
        "versions": [asdict(one) for one in adapter.versions],
    }
