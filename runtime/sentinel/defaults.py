"""The detectors that a node runs unless it is told otherwise."""

from collections.abc import Iterable
from pathlib import Path

from runtime.ids import Category
from runtime.sentinel.detector import Detector
from runtime.sentinel.detectors.codes import CodeDetector
from runtime.sentinel.detectors.dictionary import DictionaryDetector, Term
from runtime.sentinel.detectors.email import EmailDetector
from runtime.sentinel.detectors.finance import CardDetector, IbanDetector, WalletDetector
from runtime.sentinel.detectors.health import HealthDetector
from runtime.sentinel.detectors.location import AddressDetector, CoordinatesDetector
from runtime.sentinel.detectors.national_ids import NationalIdDetector
from runtime.sentinel.detectors.network import (
    IpDetector,
    MacDetector,
    UrlCredentialsDetector,
    UserAgentDetector,
)
from runtime.sentinel.detectors.passwords import PasswordDetector
from runtime.sentinel.detectors.person import PersonDetector
from runtime.sentinel.detectors.phone import DEFAULT_REGIONS, PhoneDetector
from runtime.sentinel.detectors.records import BirthDateDetector, RecordNumberDetector
from runtime.sentinel.detectors.secrets import (
    ApiKeyDetector,
    PrivateKeyDetector,
)
from runtime.sentinel.detectors.seed_phrases import SeedPhraseDetector
from runtime.sentinel.detectors.spelled import SpelledDetector
from runtime.sentinel.detectors.spoken import SpokenDetector
from runtime.sentinel.detectors.tagger import TaggerDetector
from runtime.sentinel.tagger.model import SentinelModel

__all__ = ["default_detectors"]


def default_detectors(
    *,
    dictionary: Iterable[Term] = (),
    regions: Iterable[str] = DEFAULT_REGIONS,
    conditions: Iterable[str] = (),
    treatments: Iterable[str] = (),
    model: Path | None = None,
    asked: Iterable[Category] = (),
    remembered: int = 0,
) -> list[Detector]:
    """Build the shipped detectors, the operator's dictionary first.

    Args:
        dictionary: Terms of this deployment.
        regions: ISO 3166 codes in whose national form phone numbers are recognised.
        conditions: Additions to the health lexicon.
        treatments: Additions to the health lexicon.
        model: Folder of the sentinel's model (``tagger.model.BUILT_IN`` is the shipped one);
            ``None`` for patterns alone.
        asked: Of the categories ``ON_REQUEST``, those that the model is to look for: what the
            policy names. Others in here change nothing.
        remembered: Texts that the model reads only once while they are remembered; for a node that
            serves one party alone (``tagger.memory``).

    Raises:
        ValueError: A region is unknown.
        ModelInvalid: The model's files cannot be used.
    """
    detectors: list[Detector] = [
        PrivateKeyDetector(),
        UrlCredentialsDetector(),
        ApiKeyDetector(),
        PasswordDetector(),
        CodeDetector(),
        SeedPhraseDetector(),
        IbanDetector(),
        CardDetector(),
        WalletDetector(),
        EmailDetector(),
        PhoneDetector(regions),
        NationalIdDetector(),
        RecordNumberDetector(),
        BirthDateDetector(),
        IpDetector(),
        MacDetector(),
        UserAgentDetector(),
        CoordinatesDetector(),
        AddressDetector(),
        HealthDetector(conditions, treatments),
        PersonDetector(),
        SpelledDetector(),
        SpokenDetector(),
    ]
    if model is not None:
        reader = SentinelModel(model)
        detectors.append(TaggerDetector(reader, asked=frozenset(asked), remembered=remembered))
    terms = tuple(dictionary)
    return [DictionaryDetector(terms), *detectors] if terms else detectors
