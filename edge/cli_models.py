"""``leeward edge pull`` and ``leeward edge models``: the model files of this device.

Parses, calls, prints; mounted by ``edge.cli``.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from edge.cli_adapters import swap
from edge.cli_options import DEFAULT_CONFIG, AddressOption, ConfigOption, daemon_address
from edge.config import EdgeConfig, load_config
from edge.egress.fetch import Progress as ProgressSink
from edge.egress.local import load_model, unload_model
from edge.egress.pull import Puller, PullRequest, ledger_recorder
from edge.models.gguf_check import check_gguf
from edge.models.manifest import require_vouched, write_manifest
from edge.models.onnx_check import is_onnx
from edge.models.record import StoredModel
from edge.models.source import check_digest, check_model_name, name_for, parse_source
from edge.models.store import ModelStore
from runtime.cli.output import JsonOption, make_table, run_command, show
from runtime.cli.signing import KeyOption, sign_files
from runtime.clock import SystemClock
from runtime.documents.secret_file import read_secret_file
from runtime.errors import RequestInvalid, SignatureInvalid
from runtime.identity.signing_keys import load_signers

__all__ = ["models_app", "pull"]

models_app = typer.Typer(
    name="models",
    help="The models pulled to this device.",
    no_args_is_help=True,
    add_completion=False,
)
models_app.command(name="swap")(swap)
_CHECKS: Final = {
    "given": "equals the SHA-256 that was given",
    "hub": "equals the SHA-256 that the hub gives",
    "signature": "equals its manifest, which one of `model_signers` has signed",
    "manifest": "equals its signed manifest; nobody compared whose key it is",
    "structure": "compared with nothing, for nobody gave one; the file is whole",
}


def pull(
    source: Annotated[
        str, typer.Argument(help="owner/repo/file.gguf, hf:owner/repo:file.gguf, a URL or a file.")
    ],
    config: ConfigOption = DEFAULT_CONFIG,
    name: Annotated[str, typer.Option(help="Name to store it under; default: the file's.")] = "",
    sha256: Annotated[str, typer.Option(help="Refuse the file unless this is its SHA-256.")] = "",
    endpoint: Annotated[
        str, typer.Option(envvar="HF_ENDPOINT", help="The hub, instead of the configuration's.")
    ] = "",
    revision: Annotated[str, typer.Option(help="Branch, tag or commit in the hub.")] = "main",
    token_file: Annotated[
        Path | None, typer.Option(help="File with a hub token, for gated repositories.")
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="Its signed manifest, if it does not lie beside the model.")
    ] = None,
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace another model of that name.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Fetch a GGUF or ONNX model, check it and store it; interrupted, run it again to go on.

    No token is sent unless --token-file names one. Bytes and destination go into the ledger. Where
    `model_signers` are configured, the model needs a manifest signed by one of them.
    """

    def work() -> None:
        loaded = load_config(config)
        clock = SystemClock()
        store = _store(loaded)
        parsed = parse_source(source)
        request = PullRequest(
            source=parsed,
            name=check_model_name(name) if name else name_for(parsed),
            sha256=check_digest(sha256),
            is_replacing=replace,
            endpoint=endpoint or loaded.hub,
            revision=revision,
            token=read_secret_file(token_file, "token", encoding="ascii") if token_file else "",
            signers=load_signers(loaded.model_signers, field="model_signers"),
            manifest=_manifest_text(manifest),
        )
        with _progress_bar(request.name) as progress:
            puller = Puller(
                store,
                record=ledger_recorder(loaded.state / "ledger", clock=clock),
                progress=progress,
                sleep=time.sleep,
            )
            stored = puller.pull(request)
        hint = f"use it with `file: {stored.name}` under `models` in {config}"
        show(_data(stored), f"stored {stored.file}", _check_line(stored), hint, as_json=as_json)

    run_command(work, as_json=as_json)


@models_app.command(name="list")
def list_models(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """List the pulled models: what each is, where it is from, and when it was last used."""

    def work() -> None:
        found = _store(load_config(config)).all()
        rows = [
            (
                model.name,
                f"{model.size_bytes / 1e6:,.1f} MB",
                model.record.sha256[:12] if model.record else "-",
                f"{model.record.pulled_at:%Y-%m-%d %H:%M}" if model.record else "-",
                f"{model.last_used_at:%Y-%m-%d %H:%M}" if model.last_used_at else "never",
                model.record.source if model.record else "unknown",
            )
            for model in found
        ]
        table = make_table(("model", "size", "sha256", "pulled", "last used", "from"), rows)
        show([_data(model) for model in found], table, as_json=as_json)

    run_command(work, as_json=as_json)


@models_app.command(name="show")
def show_model(
    name: Annotated[str, typer.Argument(help="The model.")],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read it whole; compare SHA-256 and manifest.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show a pulled model, and what its file's header says."""

    def work() -> None:
        loaded = load_config(config)
        store = _store(loaded)
        model = store.verify(name) if verify else store.get(name)
        if verify:
            require_vouched(model.file, load_signers(loaded.model_signers, field="model_signers"))
        data = _data(model) | _header(model.file) | {"verified": verify}
        rows = [(key, "-" if value is None else value) for key, value in data.items()]
        show(data, make_table(("field", "value"), rows), as_json=as_json)

    run_command(work, as_json=as_json)


@models_app.command(name="remove")
def remove_model(
    name: Annotated[str, typer.Argument(help="The model.")],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    as_json: JsonOption = False,
) -> None:
    """Delete one from this device; refused while the configuration names it."""

    def work() -> None:
        loaded = load_config(config)
        store = _store(loaded)
        target = store.get(name).file
        users = [
            model.name
            for model in loaded.models
            if target in (model.file, model.adapter, model.draft)
        ]
        if users:
            raise RequestInvalid(f"{config} still serves it as {', '.join(users)}")
        removed = store.remove(name)
        line = f"removed {removed.file}, {removed.size_bytes / 1e6:,.1f} MB"
        show({"removed": removed.name, "bytes": removed.size_bytes}, line, as_json=as_json)

    run_command(work, as_json=as_json)


@models_app.command(name="sign")
def sign_models(
    models: Annotated[
        list[Path], typer.Argument(help="GGUF files, ONNX graphs, or folders of one.")
    ],
    *,
    key: KeyOption,
    source: Annotated[str, typer.Option(help="Where they come from; signed with them.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Vouch for models as they are: write FILE.manifest beside each, over any that is there."""

    def work() -> None:
        signed = sign_files(
            key, [partial(write_manifest, model) for model in models], source=source
        )
        data = {"manifests": signed.files, "key_made": signed.key_made}
        show(data, *signed.lines, as_json=as_json)

    run_command(work, as_json=as_json)


@models_app.command(name="load")
def load(
    name: Annotated[str, typer.Argument(help="The model, as the configuration names it.")],
    config: ConfigOption = DEFAULT_CONFIG,
    address: AddressOption = "",
    *,
    as_json: JsonOption = False,
) -> None:
    """Bring one into the memory of the running daemon."""

    def work() -> None:
        status = asyncio.run(load_model(daemon_address(config, address), name))
        line = f"{name} is {status['state']}, {status['memory_bytes'] / 1e6:,.0f} MB"
        show(status, line, as_json=as_json)

    run_command(work, as_json=as_json)


@models_app.command(name="unload")
def unload(
    name: Annotated[str, typer.Argument(help="The model, as the configuration names it.")],
    config: ConfigOption = DEFAULT_CONFIG,
    address: AddressOption = "",
    *,
    as_json: JsonOption = False,
) -> None:
    """Let its calls end and free its memory; the next call loads it again."""

    def work() -> None:
        status = asyncio.run(unload_model(daemon_address(config, address), name))
        show(status, f"{name} is {status['state']}", as_json=as_json)

    run_command(work, as_json=as_json)


@contextmanager
def _progress_bar(name: str) -> Iterator[ProgressSink]:
    """Show a bar on stderr, if a person looks at it."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=None)

        def advance(here_bytes: int, total_bytes: int) -> None:
            bar.update(task, completed=here_bytes, total=total_bytes or None)

        yield advance


def _store(config: EdgeConfig) -> ModelStore:
    quota_bytes = config.disk_quota_bytes
    return ModelStore(config.state, clock=SystemClock(), quota_bytes=quota_bytes)


def _header(file: Path) -> dict[str, Any]:
    """Return what a model says of itself; an ONNX graph says nothing that could be shown."""
    if is_onnx(file):
        return {"architecture": "onnx", "parameters": None}
    summary = check_gguf(file)
    return {"architecture": summary.architecture, "parameters": summary.parameters}


def _manifest_text(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise SignatureInvalid("cannot be read", file=str(file)) from None


def _check_line(model: StoredModel) -> str:
    if model.record is None:
        return "unchecked"
    return f"sha256 {model.record.sha256}: {_CHECKS[model.record.checked_by]}"


def _data(model: StoredModel) -> dict[str, Any]:
    record = model.record
    return {
        "name": model.name,
        "file": str(model.file),
        "bytes": model.size_bytes,
        "sha256": record.sha256 if record else None,
        "source": record.source if record else None,
        "pulled_at": record.pulled_at.isoformat() if record else None,
        "checked_by": record.checked_by if record else None,
        "signed_by": (record.signed_by or None) if record else None,
        "last_used_at": model.last_used_at.isoformat() if model.last_used_at else None,
    }
