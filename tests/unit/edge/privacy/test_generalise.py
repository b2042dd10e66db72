"""Generalised texts: coarse by kind, for good, and a second look finds nothing."""

import asyncio
import random
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.noninterference_house import ASK_CLOUD, RULES, World, run_once
from bench.noninterference_secrets import SESSIONS, SecretSource, Session, filled, look_alike
from edge.privacy.coarse import coarse
from edge.privacy.generalise import generalise
from edge.privacy.placeholders import Grammar
from edge.privacy.redact import Redactor
from edge.privacy.releases import EdgeReleases
from edge.privacy.vault import Vault
from runtime.clock import SystemClock
from runtime.errors import DetectionFailed, GateRefused
from runtime.ids import Category, PlanId, RequestId, SessionId, StepId
from runtime.policy.document import parse_policy
from runtime.ports import ChatMessage, Provenance
from runtime.sentinel.categories import KINDS, PERSON
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.detector import Detector
from runtime.sentinel.scan import Sentinel
from runtime.sentinel.span import Span

TODAY = date(2026, 11, 29)
EVERYTHING = frozenset(KINDS.values())
SENTINEL = Sentinel(default_detectors())
REDACTOR = Redactor(Grammar(SENTINEL.kinds))
POLICY = """
leeward: policy/v1
categories: {person: confidential, contact: confidential, identity: confidential}
clearance: {edge: restricted, cloud: internal}
releases: [{categories: [person, contact, identity], to: cloud, by: generalise}]
when_unsure: restricted
"""


@pytest.mark.parametrize(
    ("kind", "value", "stands"),
    [
        ("date_of_birth", "12 March 1980", "[a date of birth, 40 to 49 years]"),
        ("date_of_birth", "1930-01-02", "[a date of birth, 90 or older]"),
        ("date_of_birth", "12.3.80", "[a date of birth]"),
        ("date_of_birth", "2031-01-02", "[a date of birth]"),
        ("age", "43-year-old", "[an age, 40 to 49 years]"),
        ("age", "forty", "[an age]"),
        ("date", "3rd of October 2024", "[a date, October 2024]"),
        ("date", "2024-10-03", "[a date, October 2024]"),
        ("date", "13/10/2024", "[a date, October 2024]"),
        ("date", "03/10/2024", "[a date, 2024]"),
        ("date", "03.10.2024", "[a date, October 2024]"),
        ("date", "le 3 août 2024", "[a date, August 2024]"),
        ("date", "next Friday", "[a date]"),
        ("year", "1987", "[a year, 1980s]"),
        ("address", "12 High Street, Springfield, IL 62704", "[an address, postcode 62xxx]"),
        ("address", "Hauptstraße 12, 10115 Berlin", "[an address, postcode 10xxx]"),
        ("address", "12345 High Street", "[an address]"),
        ("coordinates", "52.229676, 21.012229", "[a place, near 52.2 and 21.0 degrees]"),
        ("ip", "10.20.30.40", "[an IP address, 10.20.x.x]"),
        ("ip", "fe80::1", "[an IP address]"),
        ("phone", "+48 601 234 567", "[a phone number, country code 48]"),
        ("phone", "601 234 567", "[a phone number]"),
        ("iban", "DE89 3704 0044 0532 0130 00", "[a bank account, DE]"),
        ("email", "anna@example.org", "[an e-mail address]"),
        ("person", "Anna Kowalska", "[a person]"),
        ("project_name", "Bluebird", "[withheld]"),
    ],
)
def test_what_stands_for_a_value(kind: str, value: str, stands: str) -> None:
    assert coarse(kind, value, today=TODAY) == stands


@given(kind=st.sampled_from(sorted(KINDS)), value=st.text(min_size=1, max_size=60))
def test_any_value_has_a_coarse_form_of_bounded_length(kind: str, value: str) -> None:
    stands = coarse(kind, value, today=TODAY)

    assert stands == coarse(kind, value, today=TODAY)
    assert stands.startswith("[")
    assert len(stands) < 60


@pytest.mark.slow
@given(seed=st.integers(0, 10**6), session=st.sampled_from(SESSIONS))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_nothing_that_the_detectors_know_survives(seed: int, session: Session) -> None:
    secret = SecretSource(random.Random(seed)).draw()
    if not look_alike(session, secret, secret, SENTINEL):
        return
    texts = filled(session, secret)

    made = asyncio.run(
        generalise(SENTINEL, REDACTOR, texts, EVERYTHING, known_people=(), today=TODAY)
    )

    parts = {part for value in secret.values() for part in value.split() if not part.isdigit()}
    for text in made.texts:
        assert not SENTINEL.scan_now(text).spans
        assert not [part for part in parts if len(part) > 3 and part in text]


def provenance(request: str = "r1") -> Provenance:
    return Provenance(RequestId(request), SessionId("s1"), PlanId("p"), StepId("step"))


async def released(releases: EdgeReleases, text: str, request: str = "r1") -> str:
    messages, record = await releases.release(
        [ChatMessage("user", text)], frozenset({PERSON}), provenance(request), by="generalise"
    )
    assert record.by == "generalise"
    return messages[0].content


async def test_a_person_is_known_by_a_part_of_the_name_in_later_turns(vault: Vault) -> None:
    releases = EdgeReleases(SENTINEL, vault, clock=SystemClock())

    first = await released(releases, "Patient Anna Kowalska takes 3 tablets.")
    second = await released(releases, "And what does Kowalska take?", "r2")

    assert first == "Patient [a person] takes 3 tablets."
    assert second == "And what does [a person] take?"
    assert await releases.people_of(SessionId("s1")) == ("Anna Kowalska", "Kowalska")


async def test_what_was_generalised_is_never_restored(vault: Vault) -> None:
    releases = EdgeReleases(SENTINEL, vault, clock=SystemClock())
    await released(releases, "Patient Anna Kowalska takes 3 tablets.")

    answer = await releases.restore("<PERSON_1> and [a person]", provenance())

    assert answer == "<PERSON_1> and [a person]"


class Watching:
    """Finds every one of some words, as dates of birth of people."""

    name = "watching"
    kinds = frozenset({"date_of_birth"})

    def __init__(self, *words: str) -> None:
        self._words = words

    def detect(self, text: str) -> list[Span]:
        places = ((text.find(word), len(word)) for word in self._words)
        return [Span(at, at + size, "date_of_birth", PERSON) for at, size in places if at >= 0]


def with_detector(vault: Vault, detector: Detector) -> EdgeReleases:
    sentinel = Sentinel([*default_detectors(), detector])
    return EdgeReleases(sentinel, vault, clock=SystemClock())


async def test_a_coarse_form_that_is_found_again_tells_nothing(vault: Vault) -> None:
    once = with_detector(vault, Watching("1930"))
    again = with_detector(vault, Watching("1930", "90 or older"))

    assert await released(once, "in 1930") == "in [a date of birth, 90 or older]"
    assert await released(again, "in 1930") == "in [a date of birth]"


async def test_a_text_that_resists_is_refused(vault: Vault) -> None:
    with pytest.raises(GateRefused):
        await released(with_detector(vault, Watching("a")), "a b")


class Broken:
    """A detector that always fails."""

    name = "broken"
    kinds = frozenset[str]()

    def detect(self, text: str) -> list[Span]:
        raise ValueError


async def test_a_failed_detector_releases_nothing(vault: Vault) -> None:
    with pytest.raises(DetectionFailed):
        await released(with_detector(vault, Broken()), "Anna")


async def test_a_generalised_request_passes_the_gate_and_the_receipt_says_so(
    tmp_path: Path,
) -> None:
    root = tmp_path / "house"
    root.mkdir()
    world = World(parse_policy(POLICY), RULES.catalog)
    text = "Patient Anna Kowalska, born on 12 March 1980, takes 2 tablets."

    outcome = await run_once(
        root, tmp_path / "keys", ASK_CLOUD, [text, "And Kowalska tomorrow?"], world=world
    )

    first, second = outcome.passages
    assert b"Patient [a person], born on [a date of birth, 40 to 49 years], takes 2" in first
    assert b"And [a person] tomorrow?" in second
    assert outcome.receipt is not None
    assert [record.by for record in outcome.receipt.releases] == ["generalise"]
    assert outcome.receipt.releases[0].categories == (Category("person"),)
