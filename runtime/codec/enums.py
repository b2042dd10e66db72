"""The contract's enums beside the runtime's closed sets, each pair written once.

A value that is unknown on either side is refused: deny by default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Generic, Literal, TypeVar

from leeward.v1 import chat_pb2, graph_pb2, label_pb2, zone_pb2
from runtime.errors import RequestInvalid
from runtime.flow.model import Form
from runtime.graph.model import Comparison
from runtime.graph.roles import Role
from runtime.graph.rules import Rule
from runtime.labels import Level
from runtime.policy.model import ReleaseKind, Zone
from runtime.ports import FinishReason

__all__ = [
    "CHAT_ROLES",
    "COMPARISONS",
    "FINISH_REASONS",
    "FORMS",
    "LEVELS",
    "OUTPUT_KINDS",
    "RELEASE_KINDS",
    "ROLES",
    "RULES",
    "ZONES",
    "EnumPairs",
]

WireT = TypeVar("WireT", bound=int)
OursT = TypeVar("OursT")


class EnumPairs(Generic[WireT, OursT]):
    """A one-to-one table between a wire enum and a closed set of ours."""

    def __init__(self, pairs: Mapping[WireT, OursT]) -> None:
        self._ours: Mapping[int, OursT] = {int(wire): ours for wire, ours in pairs.items()}
        self._wire: Mapping[OursT, WireT] = {ours: wire for wire, ours in pairs.items()}

    def decode(self, value: int, field: str) -> OursT:
        """Return our value; an unspecified or unknown number is refused."""
        if value not in self._ours:
            raise RequestInvalid("is not a known value", field=field)
        return self._ours[value]

    def encode(self, value: OursT, field: str = "") -> WireT:
        """Return the wire's number; a value outside the set is refused."""
        if value not in self._wire:
            raise RequestInvalid("is not a known value", field=field)
        return self._wire[value]

    def ours(self) -> frozenset[OursT]:
        """Our side of the table, for the test that it is total."""
        return frozenset(self._wire)

    def wire(self) -> frozenset[int]:
        """The wire's side of the table, for the test that it is total."""
        return frozenset(self._ours)


CHAT_ROLES: Final = EnumPairs(
    {
        chat_pb2.CHAT_ROLE_SYSTEM: "system",
        chat_pb2.CHAT_ROLE_USER: "user",
        chat_pb2.CHAT_ROLE_ASSISTANT: "assistant",
        chat_pb2.CHAT_ROLE_TOOL: "tool",
    }
)
FINISH_REASONS: Final = EnumPairs(
    {
        chat_pb2.FINISH_REASON_STOP: FinishReason.STOP,
        chat_pb2.FINISH_REASON_LENGTH: FinishReason.LENGTH,
        chat_pb2.FINISH_REASON_TOOL_CALLS: FinishReason.TOOL_CALLS,
        chat_pb2.FINISH_REASON_CONTENT_FILTER: FinishReason.CONTENT_FILTER,
    }
)
_EDGE: Zone = "edge"
_CLOUD: Zone = "cloud"
ZONES: Final = EnumPairs({zone_pb2.ZONE_EDGE: _EDGE, zone_pb2.ZONE_CLOUD: _CLOUD})
FORMS: Final = EnumPairs({zone_pb2.FORM_RAW: Form.RAW, zone_pb2.FORM_RELEASED: Form.RELEASED})
LEVELS: Final = EnumPairs(
    {
        label_pb2.LEVEL_PUBLIC: Level.PUBLIC,
        label_pb2.LEVEL_INTERNAL: Level.INTERNAL,
        label_pb2.LEVEL_CONFIDENTIAL: Level.CONFIDENTIAL,
        label_pb2.LEVEL_RESTRICTED: Level.RESTRICTED,
    }
)
RELEASE_KINDS: Final = EnumPairs(
    {
        label_pb2.RELEASE_KIND_REDACT: ReleaseKind.REDACT,
        label_pb2.RELEASE_KIND_GENERALISE: ReleaseKind.GENERALISE,
        label_pb2.RELEASE_KIND_SKETCH: ReleaseKind.SKETCH,
        label_pb2.RELEASE_KIND_APPROVAL: ReleaseKind.APPROVAL,
        label_pb2.RELEASE_KIND_MODEL_WRITTEN: ReleaseKind.MODEL_WRITTEN,
        label_pb2.RELEASE_KIND_DECISION_BIT: ReleaseKind.DECISION_BIT,
    }
)
ROLES: Final = EnumPairs(
    {
        graph_pb2.ROLE_ASSISTANT: Role.ASSISTANT,
        graph_pb2.ROLE_FUSER: Role.FUSER,
        graph_pb2.ROLE_GUIDE: Role.GUIDE,
        graph_pb2.ROLE_DIVIDER: Role.DIVIDER,
        graph_pb2.ROLE_VERIFIER: Role.VERIFIER,
        graph_pb2.ROLE_GUARD: Role.GUARD,
        graph_pb2.ROLE_ROUTER: Role.ROUTER,
    }
)
RULES: Final = EnumPairs(
    {
        graph_pb2.RULE_LAST: Rule.LAST,
        graph_pb2.RULE_JOIN: Rule.JOIN,
        graph_pb2.RULE_AGREEMENT: Rule.AGREEMENT,
        graph_pb2.RULE_NUMBERS: Rule.NUMBERS,
        graph_pb2.RULE_SCHEMA: Rule.SCHEMA,
        graph_pb2.RULE_PARAGRAPHS: Rule.PARAGRAPHS,
        graph_pb2.RULE_ABSTAIN: Rule.ABSTAIN,
        graph_pb2.RULE_VOTE: Rule.VOTE,
        graph_pb2.RULE_PERSON: Rule.PERSON,
        graph_pb2.RULE_SIFT: Rule.SIFT,
    }
)
COMPARISONS: Final = EnumPairs(
    {
        graph_pb2.COMPARISON_LT: Comparison.LT,
        graph_pb2.COMPARISON_LE: Comparison.LE,
        graph_pb2.COMPARISON_EQ: Comparison.EQ,
        graph_pb2.COMPARISON_NE: Comparison.NE,
        graph_pb2.COMPARISON_GE: Comparison.GE,
        graph_pb2.COMPARISON_GT: Comparison.GT,
    }
)
_NUMBER: Literal["number", "enum", "list"] = "number"
_ENUM: Literal["number", "enum", "list"] = "enum"
_LIST: Literal["number", "enum", "list"] = "list"
OUTPUT_KINDS: Final = EnumPairs(
    {
        graph_pb2.OUTPUT_KIND_NUMBER: _NUMBER,
        graph_pb2.OUTPUT_KIND_ENUM: _ENUM,
        graph_pb2.OUTPUT_KIND_LIST: _LIST,
    }
)
