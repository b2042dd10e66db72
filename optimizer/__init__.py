"""The optimizer: searches collaboration graphs under latency, privacy and cost (next work)."""
