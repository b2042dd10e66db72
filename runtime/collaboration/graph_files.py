"""The graphs of a node: one directory of documents, signed by whom the node trusts."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from runtime.errors import ConfigInvalid, GraphInvalid
from runtime.graph.model import Graph
from runtime.identity.graph_signature import load_signed_graph
from runtime.identity.signing_keys import load_signers

__all__ = ["load_graphs", "unknown_models"]

_SUFFIXES = (".yaml", ".yml", ".json")


def load_graphs(directory: Path, signers: Sequence[Path] | None) -> Mapping[str, Graph]:
    """Read every graph of a directory.

    Args:
        directory: Where the documents are, each with its signature beside it.
        signers: Files of public keys; ``None`` takes graphs that nobody signed too.

    Raises:
        GraphInvalid: A graph cannot run as written, or two have one name.
        SignatureInvalid: A graph is not signed as it must be, or as its file says.
        ConfigInvalid: There is no such directory, or a signer's key cannot be used.
    """
    keys = load_signers(signers, field="graph_signers")
    if not directory.is_dir():
        raise ConfigInvalid(
            "is not a directory of graph files", file=str(directory), field="graphs"
        )
    graphs: dict[str, Graph] = {}
    for path in sorted(directory.iterdir()):
        if path.suffix not in _SUFFIXES:
            continue
        graph, _ = load_signed_graph(path, signers=keys)
        if graph.name in graphs:
            reason = f'another file of this directory already has a graph named "{graph.name}"'
            raise GraphInvalid(reason, file=str(path), field="name")
        graphs[graph.name] = graph
    return graphs


def unknown_models(graph: Graph, known: Sequence[str] | frozenset[str]) -> list[str]:
    """Return the models that a graph names and ``known`` lacks, sorted."""
    return sorted(graph.models - set(known))
