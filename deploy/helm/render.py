"""Lint and render a chart, check every manifest, and print them as JSON.

Run by an interpreter that has ``deploy/helm/tools.lock`` (``make helm-tools``): Helm's own library,
and Kubernetes' schemas. ``render.py CHART`` reads sets of values, JSON, from standard input.
"""

import json
import sys
import warnings
from typing import Any

import helm_python as helm
import kubernetes_validate
import yaml

KUBERNETES = "1.37"


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
    """Return what a schema finds; custom resources have none here and are passed over."""
    if "." in manifest["apiVersion"].partition("/")[0] and not _is_builtin(manifest):
        return ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
        except kubernetes_validate.ValidationError as error:
            return f"{manifest['kind']}: {error}"
    return ""


def _is_builtin(manifest: dict[str, Any]) -> bool:
    return str(manifest["apiVersion"]).partition("/")[0].endswith(".k8s.io")


main()
