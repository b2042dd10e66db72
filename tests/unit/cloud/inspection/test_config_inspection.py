"""What ``inspection`` of the configuration may say, and which policy it makes."""

import re
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from cloud.absent import NoInspection
from cloud.config_inspection import InspectionConfig
from cloud.inspection.alarm import LoggedAlarms
from cloud.inspection.build import gateway_policy, opened_inspector
from cloud.metrics import gateway_metrics
from cloud.stages import Inspector
from runtime.clock import SystemClock
from runtime.errors import ConfigInvalid, PolicyInvalid, SignatureInvalid
from runtime.identity.document_signature import signature_file_of
from runtime.identity.policy_signature import write_policy_signature
from runtime.identity.signing_keys import load_or_create_key
from runtime.ids import Category, NodeName
from runtime.labels import Level
from runtime.policy.document import load_policy
from runtime.sentinel.categories import KINDS
from tests.unit.cloud.short_config import configured, refusal_of

SIGNED = "inspection: {policy: policy.yaml, policy_signers: [operator.pub.pem]}\n"
POLICY = (
    "leeward: policy/v1\n"
    "categories: {person: public}\n"
    "clearance: {edge: restricted, cloud: confidential}\n"
)


def inspection(text: str = "", *, base: Path = Path()) -> InspectionConfig:
    return configured(text, base=base).inspection


def opened(config: InspectionConfig) -> AbstractContextManager[Inspector]:
    return opened_inspector(
        config,
        NodeName("cloud"),
        alarms=LoggedAlarms(),
        metrics=gateway_metrics(),
        clock=SystemClock(),
    )


def test_unless_told_otherwise_the_gateway_refuses_every_shipped_category() -> None:
    config = inspection()
    policy = gateway_policy(config)

    assert config.action == "refuse"
    assert not [
        category
        for category in set(KINDS.values())
        if policy.level_of_category(category) <= policy.clearance_of(NodeName("cloud"), "cloud")
    ]


def test_levels_and_clearance_can_be_given_here() -> None:
    text = "inspection: {clearance: public, categories: {network: public, ward: internal}}\n"
    policy = gateway_policy(inspection(text))

    assert policy.level_of_category(Category("network")) is Level.PUBLIC
    assert policy.level_of_category(Category("ward")) is Level.INTERNAL
    assert policy.clearance_of(NodeName("any"), "cloud") is Level.PUBLIC


def test_the_edges_policy_file_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    policy = gateway_policy(inspection("inspection: {policy: policy.yaml}\n", base=tmp_path))

    assert policy.clearance_of(NodeName("cloud"), "cloud") is Level.CONFIDENTIAL


def signed_by(key_file: str, folder: Path) -> Path:
    """Write the policy and sign it with a key that lies there, or is made there."""
    file = folder / "policy.yaml"
    file.write_text(POLICY)
    key, _ = load_or_create_key(folder / key_file)
    write_policy_signature(load_policy(file), file, key=key, provenance={})
    return file


def test_a_policy_that_a_signer_signed_is_used(tmp_path: Path) -> None:
    signed_by("operator.pem", tmp_path)

    policy = gateway_policy(inspection(SIGNED, base=tmp_path))

    assert policy.clearance_of(NodeName("cloud"), "cloud") is Level.CONFIDENTIAL


@pytest.mark.parametrize("how", ["unsigned", "by somebody else", "changed afterwards"])
def test_a_policy_that_no_signer_vouches_for_keeps_the_gateway_from_starting(
    tmp_path: Path, how: str
) -> None:
    load_or_create_key(tmp_path / "operator.pem")
    file = signed_by("other.pem" if how == "by somebody else" else "operator.pem", tmp_path)
    if how == "unsigned":
        signature_file_of(file).unlink()
    elif how == "changed afterwards":
        file.write_text(POLICY.replace("confidential", "restricted"))

    with pytest.raises(SignatureInvalid), opened(inspection(SIGNED, base=tmp_path)):
        pass


def test_a_policy_that_is_not_there_keeps_the_gateway_from_starting(tmp_path: Path) -> None:
    config = inspection("inspection: {policy: policy.yaml}\n", base=tmp_path)

    with pytest.raises(PolicyInvalid), opened(config):
        pass


def test_an_unknown_region_keeps_the_gateway_from_starting() -> None:
    with (
        pytest.raises(ConfigInvalid, match=r"inspection\.regions"),
        opened(inspection("inspection: {regions: [XX]}\n")),
    ):
        pass


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("inspection: {policy: p.yaml, clearance: public}\n", "inspection.clearance"),
        ("inspection: {policy: p.yaml, categories: {a: public}}\n", "inspection.categories"),
        ("inspection: {policy_signers: [key.pem]}\n", "name the signed `policy`"),
        ("inspection: {action: warn}\n", "off"),
        ("inspection: {timeout_s: 0}\n", "more than 0"),
        ("inspection: {clearance: secret}\n", "restricted"),
    ],
)
def test_a_mistake_is_told_with_line_and_reason(text: str, words: str) -> None:
    assert re.match(rf"cloud\.yaml:7: .*{re.escape(words)}", refusal_of(text))


def test_switched_off_nothing_is_scanned() -> None:
    with opened(inspection("inspection: {action: off}\n")) as inspector:
        assert isinstance(inspector, NoInspection)
