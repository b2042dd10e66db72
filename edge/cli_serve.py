"""``leeward edge serve`` and ``check``: what needs the whole daemon."""

from edge.app import serve
from edge.cli_doctor import needing_the_cloud
from edge.cli_options import DEFAULT_CONFIG, ConfigOption
from edge.cloud_away import without_gateway
from edge.config import load_config
from edge.detectors import edge_detectors
from edge.documents import load_documents, unused_releases
from runtime.cli.output import JsonOption, run_command, show
from runtime.cli.serving import ReadyFileOption, run_role

__all__ = ["check", "serve_command"]


def serve_command(
    config: ConfigOption = DEFAULT_CONFIG, ready_file: ReadyFileOption = None
) -> None:
    """Serve until SIGTERM; logs go to stderr as JSON lines."""
    run_role(lambda: serve(load_config(config), source=config, ready_file=ready_file))


def check(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Check configuration, policy, catalog, graphs and the sentinel's model; start nothing."""

    def work() -> None:
        loaded = load_config(config)
        documents = load_documents(loaded)
        edge_detectors(loaded.sentinel, documents.policy)
        graphs = sorted(documents.graphs)
        lacking = without_gateway(loaded, documents)
        models = [str(model.name) for model in loaded.models]
        data = {
            "ok": True,
            "models": models,
            "graphs": graphs,
            "no_edge_plans": [
                {"graph": one.graph, "level": one.level.name.lower(), "reason": one.reason}
                for one in lacking
            ],
        }
        line = f"{config}: ok, runs {', '.join(models)}; graphs {', '.join(graphs)}"
        unused = unused_releases(loaded, documents.policy)
        notes = [f"note: {unused}"] if unused else []
        show(data | {"notes": notes}, line, *needing_the_cloud(data), *notes, as_json=as_json)

    run_command(work, as_json=as_json)
