"""From configuration to a running second line."""

import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

from cloud.absent import NoInspection
from cloud.config_inspection import InspectionConfig
from cloud.inspection.alarm import AlarmSink
from cloud.inspection.clearance import Clearance
from cloud.inspection.inspector import ContentInspector
from cloud.inspection.memory import ScanMemory
from cloud.stages import Inspector
from runtime.clock import Clock
from runtime.errors import ConfigInvalid
from runtime.identity.policy_signature import load_signed_policy
from runtime.identity.signing_keys import load_signers
from runtime.ids import Category, NodeName
from runtime.labels import Level
from runtime.policy.model import Policy
from runtime.sentinel.categories import (
    CONTACT,
    FINANCE,
    HEALTH,
    IDENTITY,
    LOCATION,
    NETWORK,
    PERSON,
    SECRET,
)
from runtime.sentinel.commonplaces import may_pass
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.detectors.dictionary import terms_of
from runtime.sentinel.scan import Sentinel
from runtime.telemetry.metrics import Metrics

__all__ = ["BUILT_IN_LEVELS", "gateway_policy", "opened_inspector", "opened_sentinel"]

BUILT_IN_LEVELS: Final[Mapping[Category, Level]] = MappingProxyType(
    {
        **dict.fromkeys(
            (PERSON, CONTACT, IDENTITY, LOCATION, FINANCE, NETWORK), Level.CONFIDENTIAL
        ),
        **dict.fromkeys((HEALTH, SECRET), Level.RESTRICTED),
    }
)
"""What the categories of the shipped detectors count as where no policy says otherwise."""

_KEY_BYTES: Final = 32
_THREADS: Final = 2
"""Long texts scanned at once; the detectors are Python, so more threads would not be faster."""


@contextmanager
def opened_inspector(
    config: InspectionConfig, node: NodeName, *, alarms: AlarmSink, metrics: Metrics, clock: Clock
) -> Iterator[Inspector]:
    """Run the second line as configured until the block ends.

    Args:
        config: How to scan.
        node: This gateway's name, as policies call it.
        alarms: Where alarms are kept.
        metrics: With the rows of ``cloud.inspection.metrics``.
        clock: Times the scans.

    Raises:
        PolicyInvalid: The policy file cannot be used.
        SignatureInvalid: None of the configured signers vouches for it.
        ConfigInvalid: A region is unknown, or a signer's key cannot be read.
        ModelInvalid: The sentinel's model cannot be used.
    """
    if config.action == "off":
        yield NoInspection()
        return
    policy = gateway_policy(config)
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="leeward-scan") as threads:
        yield ContentInspector(
            _sentinel(config, policy, threads),
            Clearance(policy, node),
            action=config.action,
            memory=ScanMemory(secrets.token_bytes(_KEY_BYTES), max_entries=config.remembered),
            alarms=alarms,
            metrics=metrics,
            clock=clock,
            max_characters=config.max_characters,
        )


@contextmanager
def opened_sentinel(config: InspectionConfig, policy: Policy) -> Iterator[Sentinel]:
    """Run the second line's detectors alone until the block ends, for the labels of graphs.

    Args:
        config: How to scan.
        policy: What it says of categories; from ``gateway_policy``.

    Raises:
        ConfigInvalid: A region is unknown.
        ModelInvalid: The sentinel's model cannot be used.
    """
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="leeward-label") as threads:
        yield _sentinel(config, policy, threads)


def gateway_policy(config: InspectionConfig) -> Policy:
    """Return the policy that the gateway holds calls to.

    Raises:
        PolicyInvalid: The policy file cannot be used.
        SignatureInvalid: None of the configured signers vouches for it.
        ConfigInvalid: A signer's key cannot be read.
    """
    if config.policy is not None:
        signers = load_signers(config.policy_signers, field="inspection.policy_signers")
        return load_signed_policy(config.policy, signers=signers)[0]
    levels = {Category(name): level for name, level in config.categories.items()}
    return Policy(
        categories={**BUILT_IN_LEVELS, **levels},
        clearance={"edge": Level.RESTRICTED, "cloud": config.clearance},
    )


def _sentinel(config: InspectionConfig, policy: Policy, threads: ThreadPoolExecutor) -> Sentinel:
    try:
        detectors = default_detectors(
            dictionary=terms_of(config.dictionaries),
            regions=config.regions,
            model=config.model,
            asked=policy.categories,
        )
    except ValueError as error:
        raise ConfigInvalid(str(error), field="inspection.regions") from error
    return Sentinel(
        detectors,
        timeout_s=config.timeout_s,
        max_characters=config.max_characters,  # of one text; the inspector bounds their sum
        executor=threads,
        passes_commonplaces=config.passes_commonplaces and may_pass(policy),
    )
