"""Searching collaboration graphs: spaces, searchers, agents."""
