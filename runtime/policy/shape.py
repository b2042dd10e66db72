"""The policy document as pydantic models: the form of the file, one value at a time."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Literal

from pydantic import Field

from runtime.documents.names import CategoryName, Name
from runtime.documents.shape import Shape
from runtime.policy.model import CloudAway, PlaceholderStyle, ReleaseKind, Unapproved

__all__ = ["ApprovalsShape", "LevelName", "PolicyShape", "ReleaseShape", "WhenUnsureName"]


class LevelName(Enum):
    """Levels as the file writes them, lowest first."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    RESTRICTED = "restricted"


class WhenUnsureName(Enum):
    """What unsure content counts as, as the file writes it."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    RESTRICTED = "restricted"
    REFUSE = "refuse"


class ReleaseShape(Shape):
    """One allowed way down."""

    categories: list[CategoryName] = Field(min_length=1, max_length=64)
    """What this release may remove."""
    to: Name
    """A zone (``edge``, ``cloud``) or the name of one node."""
    by: ReleaseKind
    """How it is removed."""


class ApprovalsShape(Shape):
    """How a person is asked for the releases ``by: approval``."""

    wait_s: float = Field(default=120.0, gt=0, le=86_400)
    """How long a request waits for a person, seconds; never more than half of its own time."""
    otherwise: Unapproved = Unapproved.EDGE_ONLY
    """What happens when nobody says yes in time."""
    at_most: int = Field(default=16, ge=1, le=1000)
    """Requests that wait at the same time; one more counts as not approved."""


class PolicyShape(Shape):
    """What is sensitive, who may see what, and which ways down exist."""

    leeward: Literal["policy/v1"]
    """What this document is."""
    categories: dict[CategoryName, LevelName] = Field(max_length=256)
    """The level of each kind of sensitivity."""
    clearance: dict[Name, LevelName] = Field(max_length=256)
    """The highest level that a zone, or one node, may receive; both zones are required."""
    releases: Annotated[list[ReleaseShape], Field(max_length=256)] = Field(default_factory=list)
    """The allowed ways down; without any, nothing above a node's clearance reaches it."""
    when_unsure: WhenUnsureName = WhenUnsureName.RESTRICTED
    """The level of an unlisted category and of content whose detector failed."""
    cloud_away: CloudAway = CloudAway.EDGE_ONLY
    """What happens to cloud steps while the cloud cannot be reached."""
    restore_tool_arguments: bool = False
    """Whether originals are put back into the arguments of tool calls."""
    approvals: ApprovalsShape | None = None
    """Left out, nobody is asked, and no release ``by: approval`` ever counts."""
    placeholders: PlaceholderStyle = PlaceholderStyle.TAGS
    """How `redact` writes what stands for a span: `<PERSON_1>`, or an invented name."""
    revision: int | None = Field(default=None, ge=1, le=2**31)
    """Counts up with every change; a device with ``policy_signers`` does not go back to a lower
    one."""
