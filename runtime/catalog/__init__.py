"""Known models and the nodes that serve them."""
