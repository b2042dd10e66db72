"""Dashboards and alerts ask for metrics and labels that edge and gateway really have."""

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from cloud.metrics import GATEWAY_ROWS
from runtime.telemetry.metrics import TABLE

AT = Path(__file__).resolve().parents[2] / "deploy" / "dashboards"
ROWS = {row.name: row for row in (*TABLE, *GATEWAY_ROWS)}
PANELS = {"edge": {row.name for row in TABLE}, "gateway": {row.name for row in GATEWAY_ROWS}}


def test_each_dashboard_is_what_its_panels_say() -> None:
    render = renderer()

    for role in PANELS:
        assert (AT / f"{role}.json").read_text() == render.rendered(role)


@pytest.mark.parametrize("role", PANELS)
def test_no_two_panels_overlap_and_none_is_beside_the_page(role: str) -> None:
    places = [panel["gridPos"] for panel in json.loads((AT / f"{role}.json").read_text())["panels"]]
    squares = [
        (x, y)
        for at in places
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]

    assert len(squares) == len(set(squares))
    assert {x for x, _ in squares} == set(range(24))


@pytest.mark.parametrize("role", PANELS)
def test_a_panel_asks_for_what_its_role_counts(role: str) -> None:
    page = json.loads((AT / f"{role}.json").read_text())
    asked = [target["expr"] for panel in page["panels"] for target in panel["targets"]]

    named = {name for expression in asked for name in metrics_of(expression)}
    assert named <= PANELS[role]
    assert PANELS[role] - named <= NOT_DRAWN, "draw it in a panel, or name it in NOT_DRAWN"
    assert named.isdisjoint(NOT_DRAWN)
    for expression in asked:
        check_labels(expression)


def test_an_alert_asks_for_what_is_counted_and_says_what_to_do() -> None:
    groups = yaml.safe_load((AT / "alerts.yaml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]

    assert len({rule["alert"] for rule in rules}) == len(rules) == 9
    for rule in rules:
        assert set(metrics_of(rule["expr"])) <= set(ROWS)
        check_labels(rule["expr"])
        assert rule["annotations"]["do"].endswith(".")
        used = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        assert used <= labels_left(rule["expr"]), rule["alert"]


def test_a_misspelt_label_or_metric_would_be_seen() -> None:
    with pytest.raises(AssertionError):
        check_labels("sum by (modle) (leeward_engine_memory_bytes)")
    with pytest.raises(AssertionError):
        check_labels('rate(leeward_runs_total{outcom="answered"}[5m])')
    assert not set(metrics_of("rate(leeward_run_total[5m])")) <= set(ROWS)


NOT_DRAWN = {
    "leeward_step_seconds", "leeward_engine_calls_total",
    "leeward_engine_open_calls_count", "leeward_engine_slots_count",
    "leeward_engine_guessed_tokens_total", "leeward_admission_recovered_total",
    "leeward_booked_total", "leeward_cache_refusals_total", "leeward_cache_size_bytes",
    "leeward_cache_answers_count", "leeward_inspections_total", "leeward_upstream_ejections_total",
    "leeward_upstream_refused_usage_total",
}  # fmt: skip
"""Details that a panel of their own would not be looked at for."""


def renderer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dashboards_render", AT / "render.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def metrics_of(expression: str) -> Iterator[str]:
    for name in re.findall(r"\bleeward_\w+", expression):
        yield re.sub(r"_bucket$", "", name)


def check_labels(expression: str) -> None:
    known = {"le", "instance"}.union(*(ROWS[name].labels for name in metrics_of(expression)))
    assert asked_labels(expression) <= known, expression


def asked_labels(expression: str) -> set[str]:
    grouped = re.findall(r"(?:by|ignoring)\s*\(([^)]*)\)", expression)
    selected = re.findall(r"[{,]\s*(\w+)\s*[=!]", expression)
    return {label.strip() for group in grouped for label in group.split(",")} | set(selected)


def labels_left(expression: str) -> set[str]:
    """The labels that a result of the expression still has."""
    grouped = re.findall(r"\bby\s*\(([^)]*)\)", expression)
    if grouped:
        return {label.strip() for label in grouped[0].split(",")}
    return {"instance"}.union(*(ROWS[name].labels for name in metrics_of(expression)))
