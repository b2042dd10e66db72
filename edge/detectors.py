"""The detectors that an edge's configuration and policy ask for."""

from typing import Final

from edge.config_sentinel import PresidioConfig, SentinelConfig
from runtime.errors import ConfigInvalid
from runtime.policy.model import Policy
from runtime.sentinel.categories import KINDS, ON_REQUEST, TOPICS, category_of
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.detector import Detector
from runtime.sentinel.detectors.dictionary import terms_of
from runtime.sentinel.detectors.presidio import PresidioDetector, load_analyzer

__all__ = ["edge_detectors"]

_REMEMBERED: Final = 512
"""Texts: some conversations' turns; 100 kB at most of positions and digests."""


def edge_detectors(config: SentinelConfig, policy: Policy) -> list[Detector]:
    """Build them.

    Raises:
        ConfigInvalid: A region is unknown, or the policy lists a topic that nothing here judges.
        ModelInvalid: The model's files cannot be used, or Presidio is asked for and not there.
    """
    try:
        detectors = default_detectors(
            dictionary=terms_of(config.dictionaries),
            regions=config.regions,
            model=config.model,
            asked=policy.categories,
            remembered=_REMEMBERED,
        )
    except ValueError as error:
        raise ConfigInvalid(str(error), field="sentinel") from error
    if config.presidio is not None:
        detectors.append(_presidio(config.presidio, policy))
    found = {category_of(kind) for detector in detectors for kind in detector.kinds}
    missing = sorted(TOPICS & policy.categories.keys() - found - config.dictionaries.keys())
    if missing:
        # Nothing would find them, and every text would pass for free of them.
        raise ConfigInvalid(
            f"the policy lists {', '.join(missing)}, which this device has no model to judge by: "
            "set it to builtin, or take that out of the policy",
            field="sentinel.model",
        )
    return detectors


def _presidio(config: PresidioConfig, policy: Policy) -> PresidioDetector:
    unasked = ON_REQUEST - frozenset(policy.categories)
    return PresidioDetector(
        load_analyzer(language=config.language, nlp_model=config.nlp_model),
        language=config.language,
        min_score=config.min_score,
        kinds=config.kinds,
        asked=frozenset(kind for kind, category in KINDS.items() if category not in unasked),
    )
