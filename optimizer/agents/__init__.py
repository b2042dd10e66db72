"""Who revises the probabilistic graph between rounds: an LLM agent and a built-in rule agent."""
