"""A process that can compute and nothing else, and what runs inside it."""
