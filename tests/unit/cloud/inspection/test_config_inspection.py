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
from runtime.errors import ConfigInvalid, PolicyInvalid
from runtime.ids import Category, NodeName
from runtime.labels import Level
from runtime.sentinel.categories import KINDS
from tests.unit.cloud.short_config import configured, refusal_of


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
    (tmp_path / "policy.yaml").write_text(
        "leeward: policy/v1\n"
        "categories: {person: public}\n"
        "clearance: {edge: restricted, cloud: confidential}\n"
    )
    policy = gateway_policy(inspection("inspection: {policy: policy.yaml}\n", base=tmp_path))

    assert policy.clearance_of(NodeName("cloud"), "cloud") is Level.CONFIDENTIAL


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
