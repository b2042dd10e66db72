"""The detectors that an edge's configuration and policy ask for."""

from typing import Final

from edge.config import SentinelConfig
from runtime.errors import ConfigInvalid
from runtime.policy.model import Policy
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.detector import Detector
from runtime.sentinel.detectors.dictionary import terms_of

__all__ = ["edge_detectors"]

_REMEMBERED: Final = 512
"""Texts: some conversations' turns; 100 kB at most of positions and digests."""


def edge_detectors(config: SentinelConfig, policy: Policy) -> list[Detector]:
    """Build them.

    Raises:
        ConfigInvalid: A region is unknown.
        ModelInvalid: The model's files cannot be used.
    """
    try:
        return default_detectors(
            dictionary=terms_of(config.dictionaries),
            regions=config.regions,
            model=config.model,
            asked=policy.categories,
            remembered=_REMEMBERED,
        )
    except ValueError as error:
        raise ConfigInvalid(str(error), field="sentinel") from error
