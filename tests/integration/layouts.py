"""Configurations of an edge and a gateway whose provider is not there."""

from pathlib import Path

from runtime.local.layout import CloudModel, EdgeModel, Layout, write_layout


def lonely_layout(root: Path, *, weights: Path, policy_text: str) -> Layout:
    """Write the files of both roles, with ports picked free and nobody at the provider's."""
    layout = Layout(root)
    write_layout(
        layout,
        edge_model=EdgeModel("tern-s", weights, 512),
        cloud_model=CloudModel("gannet-m", "gannet-m", 512),
        upstream_url="http://127.0.0.1:1/v1",
        policy_text=policy_text,
        ports=(0, 0, 0, 0),
    )
    return layout
