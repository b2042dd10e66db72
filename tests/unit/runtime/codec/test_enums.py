"""Every enum of the contract has one value of ours for each of its own."""

import pytest

from leeward.v1 import chat_pb2, graph_pb2, label_pb2, ledger_pb2, zone_pb2
from runtime.codec import ledger
from runtime.codec.enums import (
    CHAT_ROLES,
    COMPARISONS,
    FINISH_REASONS,
    FORMS,
    LEVELS,
    OUTPUT_KINDS,
    RELEASE_KINDS,
    ROLES,
    ZONES,
    EnumPairs,
)
from runtime.errors import RequestInvalid
from runtime.flow.model import Form
from runtime.graph.model import Comparison
from runtime.graph.roles import Role
from runtime.labels import Level
from runtime.ledger.record import EntryKind
from runtime.policy.model import ReleaseKind
from runtime.ports import FinishReason


@pytest.mark.parametrize(
    ("pairs", "wire", "ours"),
    [
        (CHAT_ROLES, chat_pb2.ChatRole, {"system", "user", "assistant", "tool"}),
        (FINISH_REASONS, chat_pb2.FinishReason, set(FinishReason)),
        (ZONES, zone_pb2.Zone, {"edge", "cloud"}),
        (FORMS, zone_pb2.Form, set(Form)),
        (LEVELS, label_pb2.Level, set(Level)),
        (RELEASE_KINDS, label_pb2.ReleaseKind, set(ReleaseKind)),
        (ROLES, graph_pb2.Role, set(Role)),
        (COMPARISONS, graph_pb2.Comparison, set(Comparison)),
        (OUTPUT_KINDS, graph_pb2.OutputKind, {"number", "enum", "list"}),
    ],
)
def test_the_table_is_total_on_both_sides(
    pairs: EnumPairs[int, object], wire: object, ours: set[object]
) -> None:
    assert pairs.wire() == {number for number in wire.values() if number}  # type: ignore[attr-defined]
    assert pairs.ours() == ours


def test_every_kind_of_ledger_entry_has_a_number() -> None:
    assert set(ledger._KINDS) == set(EntryKind)
    assert set(ledger._KINDS.values()) == {
        number for number in ledger_pb2.LedgerEntryKind.values() if number
    }


@pytest.mark.parametrize("number", [0, 99, -1])
def test_an_unspecified_or_unknown_number_is_refused(number: int) -> None:
    with pytest.raises(RequestInvalid, match="zone: is not a known value"):
        ZONES.decode(number, "zone")


def test_a_value_outside_the_set_is_refused() -> None:
    with pytest.raises(RequestInvalid, match="role: is not a known value"):
        CHAT_ROLES.encode("robot", "role")
