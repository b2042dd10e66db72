"""Lint and render a chart, check every manifest, and print them as JSON.

Run by an interpreter that has ``deploy/helm/tools.lock`` (``make helm-tools``): Helm's own library,
and Kubernetes' schemas. ``render.py CHART`` reads sets of values, JSON, from standard input;
``render.py CHART custom`` holds custom resources to their definitions, too, which takes seconds.
"""

import importlib
import json
import sys
import warnings
from typing import Any

import helm_python as helm
import kubernetes_validate
import yaml

KUBERNETES = "1.37"
# Where the models lie that were generated from the definitions of custom resources.
CUSTOM = {
    "cert-manager.io/v1": "cloudcoil.models.cert_manager.v1",
    "monitoring.coreos.com/v1": "cloudcoil.models.prometheus_operator.v1",
}


def main() -> None:
    """Print what each set of values makes, and what is wrong with it."""
    chart = sys.argv[1]
    with helm.Chart.load(chart) as loaded, helm.Config(namespace="leeward") as config:
        made = [_made(config, loaded, values) for values in json.load(sys.stdin)]
    linted = [item for item in helm.lint(chart)["messages"] if item["severity"] > 1]
    print(json.dumps({"lint": linted, "made": made, "helm": helm.helm_sdk_version()}))


def _made(config: Any, chart: Any, values: dict[str, Any]) -> dict[str, Any]:
    try:
        files = config.render(chart, values, name="gw", namespace="leeward")
    except helm.HelmError as error:
        return {"error": str(error), "manifests": [], "invalid": []}
    texts = [text for name, text in files.items() if not name.endswith(("NOTES.txt", ".tpl"))]
    manifests = [item for text in texts for item in yaml.safe_load_all(text) if item]
    invalid = [*filter(None, map(_problem, manifests))]
    return {"error": "", "manifests": manifests, "invalid": invalid}


def _problem(manifest: dict[str, Any]) -> str:
    """Return what a schema finds; custom resources are passed over unless asked for."""
    if manifest["apiVersion"] in CUSTOM:
        return _custom_problem(manifest) if sys.argv[2:] == ["custom"] else ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
        except kubernetes_validate.ValidationError as error:
            return f"{manifest['kind']}: {error}"
    return ""


def _custom_problem(manifest: dict[str, Any]) -> str:
    model = getattr(importlib.import_module(CUSTOM[manifest["apiVersion"]]), manifest["kind"])
    try:
        read = model.model_validate(manifest)
    except ValueError as error:
        return f"{manifest['kind']}: {error}"
    # The models drop what they do not know; a server refuses it or, worse, drops it, too.
    kept = read.model_dump(by_alias=True, exclude_none=True, mode="json")
    lost = [key for key in manifest if kept.get(key) != manifest[key]]
    return f"{manifest['kind']}: not all of {lost} is known" if lost else ""


main()
