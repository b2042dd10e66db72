"""The OpenAI-compatible HTTP front of the edge."""
