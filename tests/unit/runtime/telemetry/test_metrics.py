"""The table of metrics."""

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from runtime.telemetry.metrics import TABLE, Metrics, Row

UNITS = ("_total", "_seconds", "_count", "_ratio", "_bytes", "_usd")


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_every_metric_is_ours_and_names_its_unit(row: Row) -> None:
    assert row.name.startswith("leeward_")
    assert row.name.endswith(UNITS)
    assert row.meaning
    assert (row.kind == "counter") == row.name.endswith("_total")
    assert bool(row.buckets) == (row.kind == "histogram")


def test_names_are_unique() -> None:
    assert len({row.name for row in TABLE}) == len(TABLE)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_labels_never_come_from_requests(row: Row) -> None:
    assert not {"request_id", "session_id", "user", "prompt", "text"} & set(row.labels)


def test_what_is_counted_is_what_is_exposed() -> None:
    metrics = Metrics(CollectorRegistry())

    metrics.count("leeward_steps_total", "edge-1", "tern-s")
    metrics.count("leeward_cost_usd_total", "cloud", "heron", by=0.25)
    metrics.set_gauge("leeward_node_reachable_ratio", "cloud", to=1)
    metrics.observe("leeward_run_seconds", "ask", value=0.002)
    exposed = generate_latest(metrics.registry).decode()

    assert 'leeward_steps_total{model="tern-s",node="edge-1"} 1.0' in exposed
    assert 'leeward_cost_usd_total{model="heron",node="cloud"} 0.25' in exposed
    assert 'leeward_node_reachable_ratio{node="cloud"} 1.0' in exposed
    assert 'leeward_run_seconds_bucket{graph="ask",le="0.005"} 1.0' in exposed


def test_two_roles_in_one_process_do_not_meet() -> None:
    edge, cloud = Metrics(CollectorRegistry()), Metrics(CollectorRegistry())

    edge.count("leeward_runs_total", "ask", "ok")

    assert b'outcome="ok"' not in generate_latest(cloud.registry)
