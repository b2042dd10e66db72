"""The options by which budgets and limits say what they are about, checked against what exists."""

import re
from typing import Annotated, Any, Final

import typer

from cloud.admission.scopes import Scope
from cloud.config import CloudConfig
from cloud.stores.database import Database
from cloud.stores.known import is_known
from runtime.errors import NotFound, RequestInvalid

__all__ = [
    "DeviceOption",
    "EachOption",
    "GraphOption",
    "KeyOption",
    "ModelOption",
    "NameArgument",
    "TenantOption",
    "check_name",
    "known_model",
    "require_known",
    "scope_data",
    "scope_of",
]

NameArgument = Annotated[str, typer.Argument(help="Its name, which refused callers are told.")]
TenantOption = Annotated[str, typer.Option(help="Only calls of this tenant.")]
KeyOption = Annotated[str, typer.Option(help="Only calls with this key (its id).")]
DeviceOption = Annotated[str, typer.Option(help="Only calls of this device.")]
GraphOption = Annotated[str, typer.Option(help="Only calls of this graph, as devices name it.")]
ModelOption = Annotated[str, typer.Option(help="Only calls of this model.")]
EachOption = Annotated[
    list[str],
    typer.Option(help="Each tenant, key, device, graph or model apart; may be given twice."),
]
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")


def check_name(name: str) -> str:
    """Return a name that documents, tables and error messages can hold.

    Raises:
        RequestInvalid: It cannot be one.
    """
    if not _NAME.fullmatch(name):
        reason = "must start with a-z and hold at most 40 of a-z, 0-9, - and _"
        raise RequestInvalid(f"the name {name[:40]!r} {reason}", field="name")
    return name


def scope_of(
    *, tenant: str, key: str, device: str, graph: str, model: str, each: list[str]
) -> Scope:
    """Return the scope that the options describe; what is left empty is not restricted.

    Raises:
        RequestInvalid: They contradict each other.
    """
    given = {"tenant": tenant, "key": key, "device": device, "graph": graph, "model": model}
    return Scope.of({name: value for name, value in given.items() if value}, tuple(each))


async def require_known(config: CloudConfig, database: Database, scope: Scope) -> None:
    """Check that what a scope names exists: a misspelt budget would hold nobody to anything.

    Raises:
        NotFound: No such tenant, key, device or model.
    """
    for dimension, value in scope.named:
        if dimension == "model":
            known_model(config, value)
        elif dimension != "graph" and not await is_known(database, dimension, value):
            raise NotFound(f"there is no {dimension} {value[:80]!r} here")


def known_model(config: CloudConfig, model: str) -> str:
    """Return a model's name if it is served.

    Raises:
        NotFound: It is not.
    """
    names = [str(route.model) for route in config.routes]
    if model not in names:
        known = ", ".join(names[:10])
        raise NotFound(f"this gateway serves no model {model[:80]!r}; it serves {known}")
    return model


def scope_data(scope: Scope) -> dict[str, Any]:
    """Return a scope as JSON data."""
    return {**dict(scope.named), "each": list(scope.each)}
