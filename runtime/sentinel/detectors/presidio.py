"""Presidio's recognisers as one more detector, for who runs them already.

Anything with the ``analyze`` of Presidio's ``AnalyzerEngine`` will do. The package is not among
Leeward's dependencies: an operator installs it, with the language model that it is to use, and
names it in the configuration. It adds to the detectors here and takes nothing away.
"""

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Protocol

from runtime.errors import ModelInvalid
from runtime.sentinel.categories import category_of
from runtime.sentinel.span import Span

__all__ = ["PRESIDIO_KINDS", "Analyzer", "Found", "PresidioDetector", "load_analyzer"]

PRESIDIO_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AGE": "age",
        "AU_MEDICARE": "national_id",
        "AU_TFN": "national_id",
        "CREDIT_CARD": "card",
        "CRYPTO": "crypto_wallet",
        "DATE_TIME": "date",
        "EMAIL_ADDRESS": "email",
        "ES_NIE": "national_id",
        "ES_NIF": "national_id",
        "FI_PERSONAL_IDENTITY_CODE": "national_id",
        "IBAN_CODE": "iban",
        "IN_AADHAAR": "national_id",
        "IN_PAN": "national_id",
        "IN_PASSPORT": "national_id",
        "IN_VEHICLE_REGISTRATION": "record_number",
        "IN_VOTER": "national_id",
        "IP_ADDRESS": "ip",
        "IT_DRIVER_LICENSE": "record_number",
        "IT_FISCAL_CODE": "national_id",
        "IT_IDENTITY_CARD": "national_id",
        "IT_PASSPORT": "national_id",
        "LOCATION": "place",
        "MAC_ADDRESS": "mac",
        "MEDICAL_LICENSE": "record_number",
        "NRP": "group",
        "ORGANIZATION": "organization",
        "PERSON": "person",
        "PHONE_NUMBER": "phone",
        "PL_PESEL": "national_id",
        "SG_NRIC_FIN": "national_id",
        "UK_NHS": "national_id",
        "UK_NINO": "national_id",
        "URL": "url",
        "US_BANK_NUMBER": "iban",
        "US_DRIVER_LICENSE": "record_number",
        "US_ITIN": "national_id",
        "US_PASSPORT": "national_id",
        "US_SSN": "national_id",
    }
)
"""What Presidio's own recognisers are called here."""


class Found(Protocol):
    """One result, as Presidio's ``RecognizerResult`` has it."""

    start: int
    end: int
    entity_type: str
    score: float


class Analyzer(Protocol):
    """What is needed of Presidio's ``AnalyzerEngine``."""

    def analyze(self, text: str, language: str) -> Sequence[Found]:
        """Return what is found in ``text``."""
        ...


class PresidioDetector:
    """An analyzer as a detector.

    Args:
        analyzer: Presidio's, or one that behaves like it; called from several threads.
        language: In which language texts are read, as the analyzer calls it.
        min_score: Weaker results are left out, 0 to 1.
        kinds: Kinds for further entity types, or others for known ones; an empty one leaves a type
            out. A type that has none here is a kind of its own that nobody declared: ``unsure``.
        asked: Kinds to look for; ``None`` for all. Others that have a category are left out.
    """

    name = "presidio"

    def __init__(
        self,
        analyzer: Analyzer,
        *,
        language: str = "en",
        min_score: float = 0.4,
        kinds: Mapping[str, str] | None = None,
        asked: frozenset[str] | None = None,
    ) -> None:
        self._analyzer = analyzer
        self._language = language
        self._min_score = min_score
        self._kinds = {**PRESIDIO_KINDS, **(kinds or {})}
        self._asked = asked
        self.kinds = frozenset(kind for kind in self._kinds.values() if kind)

    def detect(self, text: str) -> list[Span]:
        """Return what the analyzer finds in ``text``."""
        spans = []
        for found in self._analyzer.analyze(text=text, language=self._language):
            kind = self._kinds.get(found.entity_type, found.entity_type.lower())
            is_asked = self._asked is None or kind in self._asked or kind not in self.kinds
            if kind and is_asked and found.score >= self._min_score:
                spans.append(
                    Span(found.start, found.end, kind, category_of(kind), found.score, self.name)
                )
        return spans


def load_analyzer(*, language: str, nlp_model: str) -> Analyzer:
    """Return Presidio's analyzer, which is installed here, over a spaCy model.

    Nothing is fetched: neither the model nor a list of top-level domains, both of which the
    packages would take from the network by themselves.

    Args:
        language: Two letters.
        nlp_model: A spaCy package, ``en_core_web_lg``; empty for Presidio's patterns alone.

    Raises:
        ModelInvalid: A package is missing.
    """
    if importlib.util.find_spec("presidio_analyzer") is None:
        raise ModelInvalid("sentinel.presidio needs the package: pip install presidio-analyzer")
    if nlp_model and importlib.util.find_spec(nlp_model) is None:
        raise ModelInvalid(
            f"sentinel.presidio needs the spaCy model {nlp_model}: install its package, or leave"
            " `nlp_model` out for patterns alone"
        )
    presidio: Any = importlib.import_module("presidio_analyzer")
    engines: Any = importlib.import_module("presidio_analyzer.nlp_engine")
    spacy: Any = importlib.import_module("spacy")
    domains: Any = importlib.import_module("tldextract")
    domains.tldextract.TLD_EXTRACTOR = domains.TLDExtract(suffix_list_urls=())
    engine = engines.SpacyNlpEngine(models=[{"lang_code": language, "model_name": nlp_model}])
    engine.nlp = {language: spacy.load(nlp_model) if nlp_model else spacy.blank(language)}
    registry = presidio.RecognizerRegistry(supported_languages=[language])
    registry.load_predefined_recognizers(languages=[language])
    if not nlp_model:
        registry.remove_recognizer("SpacyRecognizer")
    analyzer: Analyzer = presidio.AnalyzerEngine(
        registry=registry, nlp_engine=engine, supported_languages=[language]
    )
    return analyzer
