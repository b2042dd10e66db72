"""What a budget or a limit is about: a tenant, key, device, graph or model, or several.

A scope names some of these, and says of others that *each* has one of its own: ``tenant=acme, each
device`` gives every device of acme the same amount, counted apart. Knows no amount.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cloud.calls import Call
from runtime.errors import RequestInvalid

__all__ = ["DIMENSIONS", "Scope", "Subject", "subject_of"]

DIMENSIONS: Final = ("tenant", "key", "device", "graph", "model")
_MAX_NAME: Final = 200

Subject = Mapping[str, str]
"""The value of a call in each dimension; empty where it has none: a device's call has no key."""


def subject_of(call: Call) -> Subject:
    """Return what ``call`` counts as.

    Tenant, key and device are verified. The graph is what the device says; a budget that must
    hold against a dishonest device names the device or its tenant.
    """
    caller, request = call.caller, call.request
    return {
        "tenant": caller.tenant,
        "key": caller.id if caller.kind == "key" else "",
        "device": caller.id if caller.kind == "device" else "",
        "graph": request.provenance.graph if request.provenance is not None else "",
        "model": request.model,
    }


@dataclass(frozen=True, slots=True)
class Scope:
    """Which calls count, and which of them count together."""

    named: tuple[tuple[str, str], ...] = ()
    """Pairs of dimension and the value it must have, in the order of ``DIMENSIONS``."""
    each: tuple[str, ...] = ()
    """Dimensions of which each value counts apart, in the order of ``DIMENSIONS``."""

    @classmethod
    def of(cls, named: Mapping[str, str], each: tuple[str, ...] = ()) -> "Scope":
        """Make a scope in its one normal form.

        Raises:
            RequestInvalid: A dimension is unknown or given twice, or a value is empty.
        """
        for dimension in (*named, *each):
            if dimension not in DIMENSIONS:
                known = ", ".join(DIMENSIONS)
                raise RequestInvalid(f"{dimension[:40]!r} is none of: {known}", field="each")
        twice = sorted(set(named) & set(each))
        if twice:
            reason = f"give either one {twice[0]} or `each {twice[0]}`, not both"
            raise RequestInvalid(reason, field=twice[0])
        for dimension, value in named.items():
            if not value or len(value) > _MAX_NAME or not value.isprintable():
                reason = f"give a name of 1 to {_MAX_NAME} printable characters"
                raise RequestInvalid(f"{dimension}: {reason}", field=dimension)
        return cls(
            tuple((item, named[item]) for item in DIMENSIONS if item in named),
            tuple(item for item in DIMENSIONS if item in each),
        )

    def covers(self, subject: Subject) -> bool:
        """Whether a call counts: every named value agrees, and it has what is counted apart."""
        return all(subject[dimension] == value for dimension, value in self.named) and all(
            subject[dimension] for dimension in self.each
        )

    def part_of(self, subject: Subject) -> str:
        """Return which of the amounts counted apart a call counts towards; empty when all do."""
        if not self.each:
            return ""
        return json.dumps([subject[dimension] for dimension in self.each], ensure_ascii=False)

    def __str__(self) -> str:
        parts = [f"{dimension}={value}" for dimension, value in self.named]
        parts += [f"each {dimension}" for dimension in self.each]
        return ", ".join(parts) or "everything"
