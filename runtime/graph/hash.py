"""The hash by which plans, receipts and signatures name a graph.

Two documents have one hash exactly when they mean the same: formatting, key order, the order of
steps and the order of edges into different steps do not count. The order of the edges into one
step does: its answers are numbered in the prompt.
"""

from runtime.documents.canonical import sha256_of
from runtime.graph.document import dump_graph
from runtime.graph.model import Edge, Graph

__all__ = ["graph_hash"]


def graph_hash(graph: Graph) -> str:
    """Return the SHA-256 of the graph's canonical form, 64 hexadecimal digits."""
    in_order = sorted(graph.edges, key=_target)  # stable: keeps the order within one target
    return sha256_of(dump_graph(Graph(graph.name, graph.steps, tuple(in_order), graph.version)))


def _target(edge: Edge) -> str:
    return edge.target
