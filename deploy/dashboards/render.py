"""Write the Grafana dashboards ``edge.json`` and ``gateway.json`` from their lists of panels.

``python deploy/dashboards/render.py`` in the repository; a test holds the files against it.
"""

import json
from pathlib import Path
from typing import Any

import yaml

_HERE = Path(__file__).resolve().parent
_WIDTH = 24
_HEIGHT = 8
_SOURCE = {"type": "prometheus", "uid": "${source}"}


def dashboard(panels: dict[str, Any]) -> dict[str, Any]:
    """Return a dashboard as Grafana imports it; its data source is asked for."""
    made: list[dict[str, Any]] = []
    for y, row in enumerate(panels["rows"]):
        width = _WIDTH // len(row)
        for x, panel in enumerate(row):
            place = {"h": _HEIGHT, "w": width, "x": x * width, "y": y * _HEIGHT}
            made.append(_panel(len(made) + 1, panel, place))
    instance = {
        "name": "instance",
        "label": "instance",
        "type": "query",
        "datasource": _SOURCE,
        "query": f"label_values({panels['instances']}, instance)",
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "current": {"text": "All", "value": "$__all"},
    }
    source = {"name": "source", "label": "data source", "type": "datasource", "query": "prometheus"}
    return {
        "title": panels["title"],
        "uid": panels["uid"],
        "tags": ["leeward"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [source, instance]},
        "panels": made,
    }


def _panel(number: int, panel: dict[str, Any], place: dict[str, int]) -> dict[str, Any]:
    targets = [
        {
            "refId": chr(ord("A") + index),
            "datasource": _SOURCE,
            "expr": line["expr"],
            "legendFormat": line["name"],
        }
        for index, line in enumerate(panel["draw"])
    ]
    return {
        "id": number,
        "type": "timeseries",
        "title": panel["title"],
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel["unit"], "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}},
        "targets": targets,
    }


def rendered(role: str) -> str:
    """Return the file of one role: ``edge`` or ``gateway``."""
    panels = yaml.safe_load((_HERE / f"{role}.panels.yaml").read_text())
    return json.dumps(dashboard(panels), indent=1) + "\n"


if __name__ == "__main__":
    for role in ("edge", "gateway"):
        (_HERE / f"{role}.json").write_text(rendered(role))
