"""The kinds that the shipped detectors know, the category of each, and which reading wins.

A policy speaks of categories, a placeholder of kinds. An operator's dictionary brings kinds
and categories of its own; a kind that nobody declared is ``unsure``, so a policy fails closed.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from runtime.ids import Category
from runtime.labels import UNSURE

__all__ = [
    "CONTACT",
    "CONTAINER_PRIORITY",
    "DATE",
    "DEMOGRAPHIC",
    "DICTIONARY",
    "FINANCE",
    "FINANCE_TOPIC",
    "HEALTH",
    "HEALTH_TOPIC",
    "IDENTITY",
    "IMPLICIT_IDENTITY",
    "KINDS",
    "LEGAL_TOPIC",
    "LINK",
    "LOCATION",
    "LOCATION_TOPIC",
    "NETWORK",
    "ON_REQUEST",
    "ORGANIZATION",
    "PERSON",
    "PLACE",
    "QUASI_IDENTIFIERS",
    "SECRET",
    "SOURCE_CODE",
    "SURE_SCORE",
    "TOPICS",
    "category_of",
    "priority_of",
]

PERSON: Final = Category("person")
"""Names of people."""
CONTACT: Final = Category("contact")
"""Ways to reach a person."""
IDENTITY: Final = Category("identity")
"""What an authority, employer or clinic identifies a person by, birth dates included."""
FINANCE: Final = Category("finance")
"""Accounts and cards."""
HEALTH: Final = Category("health")
"""Conditions and treatments."""
SECRET: Final = Category("secret")
"""What opens something."""
LOCATION: Final = Category("location")
"""Where somebody is or lives."""
NETWORK: Final = Category("network")
"""Names and addresses of machines."""
ORGANIZATION: Final = Category("organization")
"""Firms and institutions."""
PLACE: Final = Category("place")
"""Towns, regions and countries; where somebody lives to the street is a location."""
DATE: Final = Category("date")
"""Days and years."""
DEMOGRAPHIC: Final = Category("demographic")
"""Age, origin, religion, occupation."""
LINK: Final = Category("link")
"""Addresses of sites."""
IMPLICIT_IDENTITY: Final = Category("implicit_identity")
"""Sentences that tell who is meant without a name."""
HEALTH_TOPIC: Final = Category("health_topic")
"""Sentences about somebody's own health, whatever their words."""
FINANCE_TOPIC: Final = Category("finance_topic")
"""Sentences about somebody's own money."""
LEGAL_TOPIC: Final = Category("legal_topic")
"""Sentences about somebody's own case, contract or residence."""
LOCATION_TOPIC: Final = Category("location_topic")
"""Sentences that tell where somebody is, or is not, and when."""
SOURCE_CODE: Final = Category("source_code")
"""Lines of programs."""

QUASI_IDENTIFIERS: Final = frozenset({ORGANIZATION, PLACE, DATE, DEMOGRAPHIC, LINK})
"""What tells somebody apart only together with other things, and is in most ordinary questions.

The sentinel's model looks for these where a policy names them: a policy that is silent about towns
is not to send every question about one to the edge.
"""

TOPICS: Final = frozenset(
    {IMPLICIT_IDENTITY, HEALTH_TOPIC, FINANCE_TOPIC, LEGAL_TOPIC, LOCATION_TOPIC, SOURCE_CODE}
)
"""What a whole sentence is about. The model judges sentences where a policy names one of these."""

ON_REQUEST: Final = QUASI_IDENTIFIERS | TOPICS
"""What is looked for only where a policy lists it, and is no gap in a policy that does not."""

_TABLE: Final[tuple[tuple[str, Category, int], ...]] = (
    # kind, category, priority
    ("private_key", SECRET, 100),
    ("url_credentials", SECRET, 95),
    ("crypto_wallet", FINANCE, 92),
    ("api_key", SECRET, 90),
    ("iban", FINANCE, 85),
    ("email", CONTACT, 75),
    ("mac", NETWORK, 70),
    ("ip", NETWORK, 70),
    ("card", FINANCE, 65),
    ("national_id", IDENTITY, 60),
    ("date_of_birth", IDENTITY, 58),
    ("password", SECRET, 57),
    ("record_number", IDENTITY, 56),
    ("coordinates", LOCATION, 52),
    ("phone", CONTACT, 40),
    ("address", LOCATION, 35),
    ("host", NETWORK, 34),
    ("username", CONTACT, 33),
    ("person", PERSON, 30),
    ("url", LINK, 29),
    ("organization", ORGANIZATION, 28),
    ("place", PLACE, 27),
    ("condition", HEALTH, 25),
    ("treatment", HEALTH, 25),
    ("date", DATE, 24),
    ("age", DEMOGRAPHIC, 23),
    ("group", DEMOGRAPHIC, 23),
    ("job", DEMOGRAPHIC, 22),
    ("year", DATE, 21),
    ("implicit_identity", IMPLICIT_IDENTITY, 16),
    ("health_topic", HEALTH_TOPIC, 15),
    ("finance_topic", FINANCE_TOPIC, 14),
    ("legal_topic", LEGAL_TOPIC, 13),
    ("location_topic", LOCATION_TOPIC, 12),
    ("source_code", SOURCE_CODE, 11),
)

KINDS: Final[Mapping[str, Category]] = MappingProxyType(
    {kind: category for kind, category, _ in _TABLE}
)
"""Category of every kind that the shipped detectors find."""

CONTAINER_PRIORITY: Final = 50
"""From here on a kind says what its whole extent is, so weaker readings inside are mistakes."""

SURE_SCORE: Final = 0.7
"""From here on a reading stands on more than a guess."""

DICTIONARY: Final = "dictionary"
"""Detector name of operators' own terms."""

_PRIORITY: Final[Mapping[str, int]] = MappingProxyType(
    {kind: priority for kind, _, priority in _TABLE}
)
_DICTIONARY_PRIORITY: Final = 20


def category_of(kind: str) -> Category:
    """Return the category of a kind; ``unsure`` for one that nobody declared."""
    return KINDS.get(kind, UNSURE)


def priority_of(kind: str) -> int:
    """Return how strongly a kind claims its characters; dictionary kinds claim least."""
    return _PRIORITY.get(kind, _DICTIONARY_PRIORITY)
